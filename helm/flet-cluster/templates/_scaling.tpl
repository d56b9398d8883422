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
