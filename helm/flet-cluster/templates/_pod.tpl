{{/* Parts of the app's pods. */}}

{{- define "flet-cluster.probes" -}}
{{- $probes := .Values.probes -}}
{{- $to := dict "port" (include "flet-cluster.managementPortName" .) "scheme" (include "flet-cluster.managementScheme" .) -}}
startupProbe:
  httpGet: {{ merge (dict "path" "/healthz") $to | toJson }}
  periodSeconds: 2
  timeoutSeconds: {{ int $probes.timeoutSeconds }}
  failureThreshold: {{ divf $probes.startupSeconds 2 | ceil | int }}
livenessProbe:
  httpGet: {{ merge (dict "path" "/healthz") $to | toJson }}
  periodSeconds: {{ int $probes.livenessPeriodSeconds }}
  timeoutSeconds: {{ int $probes.timeoutSeconds }}
  failureThreshold: {{ int $probes.livenessFailures }}
readinessProbe:
  httpGet: {{ merge (dict "path" "/readyz") $to | toJson }}
  periodSeconds: {{ int $probes.readinessPeriodSeconds }}
  timeoutSeconds: {{ int $probes.timeoutSeconds }}
  failureThreshold: 3
{{- end -}}

{{- define "flet-cluster.spread" -}}
{{- $root := . -}}
{{- if .Values.topologySpread.enabled -}}
topologySpreadConstraints:
{{- $default := list -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" -}}
  {{- $one := dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway" -}}
  {{- if semverCompare ">=1.27-0" $root.Capabilities.KubeVersion.Version -}}
    {{- /* Pods of the version that leaves do not count, or those of the new one would crowd where they were. */ -}}
    {{- $_ := set $one "matchLabelKeys" (list "pod-template-hash") -}}
  {{- end -}}
  {{- $default = append $default $one -}}
{{- end -}}
{{- range .Values.topologySpread.constraints | default $default }}
  - {{ toYaml . | indent 4 | trim }}
    {{- if not .labelSelector }}
    labelSelector:
      matchLabels:
        {{- include "flet-cluster.selector" $root | nindent 8 }}
    {{- end }}
{{- end }}
{{- end -}}
{{- end -}}
