{{- define "fairlead-cloudagent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "fairlead-cloudagent.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "fairlead-cloudagent.selectorLabels" -}}
app.kubernetes.io/name: {{ include "fairlead-cloudagent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fairlead-cloudagent.labels" -}}
{{ include "fairlead-cloudagent.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: cloudagent
app.kubernetes.io/part-of: fairlead
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "fairlead-cloudagent.serviceAccount" -}}
{{- default (include "fairlead-cloudagent.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "fairlead-cloudagent.authority" -}}
{{- default (printf "%s-ca" (include "fairlead-cloudagent.fullname" .)) .Values.ca.existingSecret -}}
{{- end -}}

{{- define "fairlead-cloudagent.claim" -}}
{{- default (printf "%s-store" (include "fairlead-cloudagent.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "fairlead-cloudagent.image" -}}
{{- with .Values.image -}}
{{- .repository -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end -}}
{{- end -}}
{{- end -}}
