{{/* Which series of Prometheus are of this release's pods: the name of a Deployment's pod ends in two parts. */}}
{{- define "flet-cluster.series" -}}
namespace={{ .Release.Namespace | quote }}, pod=~"{{ include "flet-cluster.fullname" . }}-[a-z0-9]+-[a-z0-9]+"
{{- end -}}

{{/* Up at once, down slowly: a pod that goes hands its sessions over, one at a time is enough. */}}
{{- define "flet-cluster.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - {type: Percent, value: 100, periodSeconds: 30}
    - {type: Pods, value: 2, periodSeconds: 30}
scaleDown:
  stabilizationWindowSeconds: {{ int .Values.autoscaling.scaleDownStabilizationSeconds }}
  policies:
    - {type: Pods, value: 1, periodSeconds: {{ include "flet-cluster.gracePeriod" . | int | max 60 }}}
{{- end -}}
