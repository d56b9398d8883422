{{/* What an ingress controller has to know: sockets are open for hours, uploads pass through, nobody sticks. */}}
{{- define "flet-cluster.ingressAnnotations" -}}
{{- if eq .Values.ingress.controller "nginx" -}}
nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"
nginx.ingress.kubernetes.io/proxy-send-timeout: "3600"
nginx.ingress.kubernetes.io/proxy-request-buffering: "off"
nginx.ingress.kubernetes.io/proxy-body-size: "0"
{{- else if eq .Values.ingress.controller "haproxy" -}}
haproxy.org/timeout-tunnel: 1h
haproxy.org/load-balance: leastconn
{{- else if eq .Values.ingress.controller "alb" -}}
alb.ingress.kubernetes.io/target-type: ip
alb.ingress.kubernetes.io/healthcheck-path: /readyz
alb.ingress.kubernetes.io/healthcheck-port: {{ include "flet-cluster.managementPort" . | quote }}
alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=3600
alb.ingress.kubernetes.io/target-group-attributes: stickiness.enabled=false,load_balancing.algorithm.type=least_outstanding_requests,deregistration_delay.timeout_seconds={{ include "flet-cluster.gracePeriod" . }}
{{- end -}}
{{- end -}}

{{/* Whether /metrics is on the port that the public reaches, and a route leads there. */}}
{{- define "flet-cluster.hidesMetrics" -}}
{{- $shared := eq (include "flet-cluster.managementPortName" .) "http" -}}
{{- if and .Values.metrics.enabled $shared .Values.ingress.enabled }}yes{{ end -}}
{{- end -}}

{{/* Where it is: at the root, and below the app's path. */}}
{{- define "flet-cluster.metricsPaths" -}}
- /metrics
{{- with .Values.settings.app_path }}
- /{{ trimAll "/" . }}/metrics
{{- end }}
{{- end -}}
