{{- define "sluice.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The settings of the values, and those that belong to the pod. */}}
{{- define "sluice.settings" -}}
{{- if not (or .Values.auth.existingSecret .Values.auth.insecure) -}}
{{- fail "Say who may ask: give auth.existingSecret, a Secret with the key api-key, or auth.insecure=true." -}}
{{- end -}}
{{- if and .Values.redis.url .Values.redis.existingSecret -}}
{{- fail "Give redis.url or redis.existingSecret, not both." -}}
{{- end -}}
{{- $own := dict "host" "0.0.0.0" "port" 8080 "modelsDir" "/var/lib/sluice/models" "stateFile" "/var/lib/sluice/state/sluice.db" -}}
{{- if .Values.auth.insecure -}}
{{- $_ := set $own "insecure" true -}}
{{- $_ := set $own "allowedHosts" (list "*") -}}
{{- end -}}
{{- $given := omit .Values.settings "redisShares" -}}
{{- if or .Values.redis.url .Values.redis.existingSecret -}}
{{- $given = .Values.settings -}}
{{- end -}}
{{- mustMergeOverwrite (dict) $given $own | toYaml -}}
{{- end -}}

{{/* Longer than a stop takes: the delay, the grace period, and what it takes to free everything. */}}
{{- define "sluice.terminationGrace" -}}
{{- add (ceil (divf (add .Values.settings.drainDelayMs .Values.settings.shutdownGraceMs) 1000)) 10 -}}
{{- end -}}

{{/* Where the metrics are: at the gateway's own port unless they have one. */}}
{{- define "sluice.metricsPort" -}}
{{- $port := int (.Values.settings.metricsPort | default 8080) -}}
{{- if lt $port 1 -}}
{{- fail "settings.metricsPort: give a number, so that Prometheus can be told of it." -}}
{{- end -}}
{{- $port -}}
{{- end -}}
