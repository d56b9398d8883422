{{/* Names, labels and small values that several templates share. */}}

{{- define "flet-cluster.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "flet-cluster.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "flet-cluster.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "flet-cluster.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes over upgrades: a Deployment's selector cannot. */}}
{{- define "flet-cluster.selector" -}}
app.kubernetes.io/name: {{ include "flet-cluster.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: app
{{- end -}}

{{- define "flet-cluster.valkeySelector" -}}
app.kubernetes.io/name: {{ include "flet-cluster.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: valkey
{{- end -}}

{{- define "flet-cluster.testSelector" -}}
app.kubernetes.io/name: {{ include "flet-cluster.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end -}}

{{- define "flet-cluster.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/name: {{ include "flet-cluster.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "flet-cluster.metadata" -}}
name: {{ include "flet-cluster.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "flet-cluster.labels" . | nindent 2 }}
{{- end -}}

{{- define "flet-cluster.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (include "flet-cluster.asText" (default .Chart.AppVersion $image.tag)) -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.serviceAccount" -}}
{{- $name := .Values.serviceAccount.name -}}
{{- if .Values.serviceAccount.create -}}
{{- $name | default (include "flet-cluster.fullname" .) -}}
{{- else -}}
{{- $name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.managementPort" -}}
{{- .Values.managementPort | default .Values.port | int -}}
{{- end -}}

{{- define "flet-cluster.managementPortName" -}}
{{- if eq (include "flet-cluster.managementPort" .) (toString (int .Values.port)) }}http{{ else }}management{{ end -}}
{{- end -}}

{{- define "flet-cluster.scheme" -}}
{{- if .Values.settings.ssl_certfile }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}

{{/* How health checks and metrics are asked for: a port of their own is plain HTTP. */}}
{{- define "flet-cluster.managementScheme" -}}
{{- if eq (include "flet-cluster.managementPortName" .) "management" }}HTTP{{ else }}{{ include "flet-cluster.scheme" . }}{{ end -}}
{{- end -}}

{{/* Whether there are metrics: always on a port of their own. */}}
{{- define "flet-cluster.hasMetrics" -}}
{{- if or .Values.metrics.enabled (eq (include "flet-cluster.managementPortName" .) "management") }}yes{{ end -}}
{{- end -}}

{{/* How many pods there may be at a time, updates aside. */}}
{{- define "flet-cluster.mostPods" -}}
{{- if or .Values.autoscaling.enabled .Values.autoscaling.keda.enabled -}}
{{- max (int .Values.replicaCount) (int .Values.autoscaling.maxReplicas) -}}
{{- else -}}
{{- int .Values.replicaCount -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.gracePeriod" -}}
{{- $needed := add (int .Values.drain.timeoutSeconds) (int .Values.drain.preStopSeconds) 10 -}}
{{- .Values.drain.terminationGracePeriodSeconds | default $needed | int -}}
{{- end -}}

{{/* A value as a variable has it. Numbers of a values file are floats, and 16777216 must not be 1.6777216e+07. */}}
{{- define "flet-cluster.asText" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.podSecurity" -}}
serviceAccountName: {{ include "flet-cluster.serviceAccount" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}
