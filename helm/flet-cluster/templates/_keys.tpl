{{/*
The secret keys of a release, as YAML: key, fallbacks (a list), stage.

Pods of before and after an update run side by side, and a pod that meets a session sealed with a key that it
does not know loses it. So a new key is first given to all pods as one that may open, and seals afterwards:

  rotation ""         the key seals; others are dropped
  rotation "prepare"  a new key is generated and may open
  rotation "switch"   the new key seals, the old one may open

Each stage is reached once: a further upgrade with the same value changes nothing.

In: a dict of value, fallbacks, rotation, fresh (a random key) and existing (the Secret that is there, or
an empty dict).
*/}}
{{- define "flet-cluster.keys" -}}
{{- $data := dig "data" (dict) .existing -}}
{{- $key := get $data "secret-key" | b64dec -}}
{{- $others := compact (splitList "," (get $data "secret-key-fallbacks" | b64dec)) -}}
{{- $stage := dig "metadata" "annotations" "flet-cluster/rotation" "" .existing -}}
{{- if .value -}}
  {{- $key = .value -}}
  {{- $others = .fallbacks -}}
  {{- $stage = "" -}}
{{- else if not $key -}}
  {{- $key = .fresh -}}
  {{- $others = list -}}
  {{- $stage = "" -}}
{{- else if ne .rotation $stage -}}
  {{- if eq .rotation "" -}}
    {{- $others = list -}}
  {{- else if eq .rotation "prepare" -}}
    {{- $others = prepend $others .fresh -}}
  {{- else if eq $stage "prepare" -}}
    {{- $old := $key -}}
    {{- $key = first $others -}}
    {{- $others = prepend (rest $others) $old -}}
  {{- else -}}
    {{- fail "secretKey.rotation=switch: no new key is prepared. Upgrade with secretKey.rotation=prepare first, wait until all pods have it, then switch." -}}
  {{- end -}}
  {{- $stage = .rotation -}}
{{- end -}}
{{- dict "key" $key "fallbacks" $others "stage" $stage | toYaml -}}
{{- end -}}

{{/*
What the release's Secret holds, as YAML: data (plain) and stage. Computed once in a rendering, and kept in
.Values, since what is random in it has to be the same wherever it is used.
*/}}
{{- define "flet-cluster.secret" -}}
{{- if not (hasKey .Values "renderedSecret") -}}
  {{- $_ := set .Values "renderedSecret" (include "flet-cluster.freshSecret" .) -}}
{{- end -}}
{{- .Values.renderedSecret -}}
{{- end -}}

{{- define "flet-cluster.freshSecret" -}}
{{- $name := include "flet-cluster.fullname" . -}}
{{- $existing := lookup "v1" "Secret" .Release.Namespace $name | default dict -}}
{{- $data := dict -}}
{{- $stage := "" -}}
{{- if not .Values.secretKey.existingSecret -}}
  {{- $in := dict "value" .Values.secretKey.value "fallbacks" .Values.secretKey.fallbacks "rotation" .Values.secretKey.rotation "fresh" (randAlphaNum 48) "existing" $existing -}}
  {{- $keys := include "flet-cluster.keys" $in | fromYaml -}}
  {{- $_ := set $data "secret-key" $keys.key -}}
  {{- $_ := set $data "secret-key-fallbacks" (join "," $keys.fallbacks) -}}
  {{- $stage = $keys.stage -}}
{{- end -}}
{{- if .Values.redis.url -}}
  {{- $_ := set $data "redis-url" .Values.redis.url -}}
{{- else if .Values.valkey.enabled -}}
  {{- $kept := get (dig "data" (dict) $existing) "valkey-password" | b64dec -}}
  {{- $password := .Values.valkey.password | default $kept | default (randAlphaNum 32) -}}
  {{- $_ := set $data "valkey-password" $password -}}
  {{- $_ := set $data "redis-url" (printf "redis://:%s@%s-valkey:6379/0" (urlquery $password | replace "+" "%20") $name) -}}
{{- end -}}
{{- dict "data" $data "stage" $stage | toYaml -}}
{{- end -}}

{{/* Name and key of the Secret that has the URL of Redis. */}}
{{- define "flet-cluster.redisUrlRef" -}}
{{- if .Values.redis.existingSecret -}}
name: {{ .Values.redis.existingSecret | quote }}
key: {{ .Values.redis.existingSecretKey | quote }}
{{- else -}}
name: {{ include "flet-cluster.fullname" . }}
key: redis-url
{{- end -}}
{{- end -}}

{{/* The same for the secret key. */}}
{{- define "flet-cluster.secretKeyRef" -}}
{{- if .Values.secretKey.existingSecret -}}
name: {{ .Values.secretKey.existingSecret | quote }}
key: {{ .Values.secretKey.existingSecretKey | quote }}
{{- else -}}
name: {{ include "flet-cluster.fullname" . }}
key: secret-key
{{- end -}}
{{- end -}}

{{/* The same for earlier keys, which need not be there. */}}
{{- define "flet-cluster.fallbacksRef" -}}
{{- if .Values.secretKey.existingSecret -}}
name: {{ .Values.secretKey.existingSecret | quote }}
key: {{ .Values.secretKey.existingSecretFallbacksKey | quote }}
optional: true
{{- else -}}
name: {{ include "flet-cluster.fullname" . }}
key: secret-key-fallbacks
{{- end -}}
{{- end -}}
