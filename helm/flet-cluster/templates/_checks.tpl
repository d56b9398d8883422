{{/*
Refuses combinations that would install and then fail, or be unsafe. What is wrong with one value alone says
values.schema.json; but secrets are looked at here, since a schema's message may quote them.
*/}}
{{- define "flet-cluster.check" -}}
{{- include "flet-cluster.checkRedis" . -}}
{{- include "flet-cluster.checkKeys" . -}}
{{- include "flet-cluster.checkUploads" . -}}
{{- include "flet-cluster.checkTraffic" . -}}
{{- include "flet-cluster.checkScaling" . -}}
{{- end -}}

{{- define "flet-cluster.checkRedis" -}}
{{- $ways := 0 -}}
{{- range list .Values.redis.url .Values.redis.existingSecret .Values.valkey.enabled -}}
  {{- if . -}}{{- $ways = add1 $ways -}}{{- end -}}
{{- end -}}
{{- if eq (int $ways) 0 -}}
  {{- fail "Which Redis? Set redis.url=rediss://HOST:6379/0, or redis.existingSecret to a Secret that has the URL, or valkey.enabled=true for a trial." -}}
{{- else if gt (int $ways) 1 -}}
  {{- fail "More than one Redis: set one of redis.url, redis.existingSecret and valkey.enabled." -}}
{{- end -}}
{{- if and .Values.redis.url (not (regexMatch "^(redis|rediss|redis\\+cluster|rediss\\+cluster)://." .Values.redis.url)) -}}
  {{- fail "redis.url: a Redis URL starts with one of redis://, rediss://, redis+cluster://, rediss+cluster:// and goes on with a host." -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.checkKeys" -}}
{{- range concat (list .Values.secretKey.value) .Values.secretKey.fallbacks -}}
  {{- if and . (or (lt (len .) 16) (contains "," .)) -}}
    {{- fail "secretKey.value and secretKey.fallbacks: a key has at least 16 characters, and no comma. Make one: python -c \"import secrets; print(secrets.token_urlsafe(32))\"" -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.secretKey.fallbacks (not .Values.secretKey.value) -}}
  {{- fail "secretKey.fallbacks goes with secretKey.value. A generated key is changed with secretKey.rotation, and one in secretKey.existingSecret has its earlier ones there." -}}
{{- end -}}
{{- if and .Values.secretKey.existingSecret .Values.secretKey.value -}}
  {{- fail "Two secret keys: set secretKey.value or secretKey.existingSecret." -}}
{{- end -}}
{{- if and .Values.secretKey.rotation (or .Values.secretKey.existingSecret .Values.secretKey.value) -}}
  {{- fail "secretKey.rotation is for a key that this chart generates. Yours is changed where it is: add the new one to the earlier ones, update, then exchange both, update." -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.checkUploads" -}}
{{- $most := include "flet-cluster.mostPods" . | int -}}
{{- $uploads := .Values.uploads -}}
{{- if and (eq $uploads.mode "local") (gt $most 1) -}}
  {{- fail (printf "uploads.mode=local keeps files in the pod that took them, and there may be %d pods: the others would not find them. Set uploads.mode=s3 or uploads.mode=shared, or have one pod (replicaCount=1 and autoscaling.enabled=false)." $most) -}}
{{- end -}}
{{- if and (eq $uploads.mode "shared") (gt $most 1) (not $uploads.shared.existingClaim) (not (has "ReadWriteMany" $uploads.shared.accessModes)) -}}
  {{- fail (printf "uploads.shared.accessModes: %d pods need ReadWriteMany." $most) -}}
{{- end -}}
{{- if and (eq $uploads.mode "s3") (not $uploads.s3.bucket) -}}
  {{- fail "uploads.mode=s3: set uploads.s3.bucket." -}}
{{- end -}}
{{- range .Values.extraEnv -}}
  {{- if has .name (list "FLET_UPLOAD_DIR" "FLET_CLUSTER_UPLOAD_DIR") -}}
    {{- fail (printf "extraEnv has %s: set uploads.mode and uploads.dir, which also bring the volume." .name) -}}
  {{- end -}}
  {{- if has .name (list "FLET_CLUSTER_DRAIN_TIMEOUT" "FLET_CLUSTER_PORT" "FLET_SERVER_PORT" "FLET_CLUSTER_MANAGEMENT_PORT") -}}
    {{- fail (printf "extraEnv has %s: set drain.timeoutSeconds, port or managementPort, on which other objects depend." .name) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.checkTraffic" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
  {{- fail "ingress.enabled: set ingress.hosts, for example ingress.hosts[0]=app.example.com." -}}
{{- end -}}
{{- if and .Values.gateway.enabled (not .Values.gateway.parentRefs) -}}
  {{- fail "gateway.enabled: set gateway.parentRefs, for example gateway.parentRefs[0].name=public." -}}
{{- end -}}
{{- $needed := add (int .Values.drain.timeoutSeconds) (int .Values.drain.preStopSeconds) 5 -}}
{{- if lt (include "flet-cluster.gracePeriod" . | int) (int $needed) -}}
  {{- fail (printf "drain.terminationGracePeriodSeconds: pods would be killed while they hand their sessions over. At least %d are needed: preStopSeconds, timeoutSeconds and 5." $needed) -}}
{{- end -}}
{{- if and (eq (toString .Values.settings.ssl_cert_reqs) "required") (eq (include "flet-cluster.managementPortName" .) "http") -}}
  {{- fail "settings.ssl_cert_reqs=required with managementPort=null: Kubernetes has no certificate, so its probes would be refused. Set managementPort, or check certificates at the ingress." -}}
{{- end -}}
{{- if and (eq (int .Values.rollout.maxUnavailable) 0) (eq (int .Values.rollout.maxSurge) 0) -}}
  {{- fail "rollout.maxSurge and rollout.maxUnavailable are both 0: no pod could ever be replaced." -}}
{{- end -}}
{{- end -}}

{{- define "flet-cluster.checkScaling" -}}
{{- $scaling := .Values.autoscaling -}}
{{- if and (or $scaling.enabled $scaling.keda.enabled) (lt (int $scaling.maxReplicas) (int .Values.replicaCount)) -}}
  {{- fail (printf "autoscaling.maxReplicas=%d is less than replicaCount=%d." (int $scaling.maxReplicas) (int .Values.replicaCount)) -}}
{{- end -}}
{{- $metrics := eq (include "flet-cluster.hasMetrics" .) "yes" -}}
{{- if and $scaling.sessions.enabled (not $metrics) -}}
  {{- fail "autoscaling.sessions.enabled: sessions are counted by /metrics. Set managementPort, or metrics.enabled=true." -}}
{{- end -}}
{{- if and $scaling.sessions.enabled (gt (int (.Values.settings.workers | default 1)) 1) (eq (include "flet-cluster.managementPortName" .) "http") -}}
  {{- fail "autoscaling.sessions.enabled with settings.workers and managementPort=null: workers of a pod share its port, and a scrape sees the sessions of one of them. Set managementPort, which shows all." -}}
{{- end -}}
{{- if and $scaling.keda.enabled $scaling.sessions.enabled (not $scaling.keda.prometheusAddress) -}}
  {{- fail "autoscaling.keda with sessions: set autoscaling.keda.prometheusAddress, for example http://prometheus.monitoring:9090." -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not $metrics) -}}
  {{- fail "metrics.serviceMonitor.enabled: nothing is there to be scraped. Set managementPort, or metrics.enabled=true." -}}
{{- end -}}
{{- if and .Values.metrics.rules.enabled (not $metrics) -}}
  {{- fail "metrics.rules.enabled: no alert would ever have data. Set managementPort, or metrics.enabled=true." -}}
{{- end -}}
{{- end -}}
