{{/* The variables of the app's container. Those of extraEnv come last, so they win. */}}
{{- define "flet-cluster.env" -}}
- name: FLET_CLUSTER_APP_NAME
  value: {{ .Values.app.name | default (include "flet-cluster.fullname" .) | quote }}
- name: FLET_CLUSTER_HOST
  value: {{ .Values.host | quote }}
- name: FLET_CLUSTER_PORT
  value: {{ int .Values.port | quote }}
- name: FLET_CLUSTER_DRAIN_TIMEOUT
  value: {{ int .Values.drain.timeoutSeconds | quote }}
- name: FLET_CLUSTER_FORWARDED_ALLOW_IPS
  value: {{ .Values.forwardedAllowIps | quote }}
{{- if eq (include "flet-cluster.managementPortName" .) "management" }}
- name: FLET_CLUSTER_MANAGEMENT_PORT
  value: {{ include "flet-cluster.managementPort" . | quote }}
- name: FLET_CLUSTER_MANAGEMENT_HOST
  value: {{ .Values.host | quote }}
{{- else }}
- name: FLET_CLUSTER_MANAGEMENT_PORT
  value: "off"
- name: FLET_CLUSTER_METRICS
  value: {{ .Values.metrics.enabled | quote }}
{{- end }}
- name: FLET_CLUSTER_REDIS_URL
  valueFrom:
    secretKeyRef:
      {{- include "flet-cluster.redisUrlRef" . | nindent 6 }}
- name: FLET_CLUSTER_SECRET_KEY
  valueFrom:
    secretKeyRef:
      {{- include "flet-cluster.secretKeyRef" . | nindent 6 }}
- name: FLET_CLUSTER_SECRET_KEY_FALLBACKS
  valueFrom:
    secretKeyRef:
      {{- include "flet-cluster.fallbacksRef" . | nindent 6 }}
{{- /* The root is read-only: what libraries write without being asked goes to /tmp. */}}
- name: HOME
  value: /tmp
- name: XDG_CACHE_HOME
  value: /tmp/cache
{{- include "flet-cluster.uploadEnv" . }}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
- name: FLET_CLUSTER_{{ upper $name }}
  value: {{ include "flet-cluster.asText" $value | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "flet-cluster.uploadEnv" -}}
{{- $uploads := .Values.uploads }}
{{- if has $uploads.mode (list "local" "shared") }}
- name: FLET_CLUSTER_UPLOAD_DIR
  value: {{ $uploads.dir | quote }}
{{- end }}
{{- if and $uploads.maxSize (ne $uploads.mode "none") }}
- name: FLET_CLUSTER_MAX_UPLOAD_SIZE
  value: {{ include "flet-cluster.asText" $uploads.maxSize | quote }}
{{- end }}
{{- if eq $uploads.mode "s3" }}
- name: FLET_CLUSTER_S3_BUCKET
  value: {{ $uploads.s3.bucket | quote }}
{{- with $uploads.s3.endpointUrl }}
- name: FLET_CLUSTER_S3_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- with $uploads.s3.region }}
- name: FLET_CLUSTER_S3_REGION
  value: {{ . | quote }}
{{- end }}
{{- with $uploads.s3.addressingStyle }}
- name: FLET_CLUSTER_S3_ADDRESSING_STYLE
  value: {{ . | quote }}
{{- end }}
{{- with $uploads.s3.existingSecret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $uploads.s3.existingSecret | quote }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
