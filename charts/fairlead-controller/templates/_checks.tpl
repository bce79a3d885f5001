{{- /* Values that have the right type and still make no sense; all of them at once, each one sentence. */ -}}
{{- define "fairlead-controller.check" -}}
{{- $problems := list -}}
{{- $v := .Values -}}
{{- if not $v.cluster -}}
{{- $problems = append $problems "cluster is not set: name this cluster as the site's Cluster resource does, such as --set cluster=prod" -}}
{{- else if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $v.cluster) -}}
{{- $problems = append $problems (printf "cluster %q is no name: use 1-63 of a-z, 0-9 and \"-\"" $v.cluster) -}}
{{- end -}}
{{- if not (regexMatch "^$|^(\\[[0-9a-fA-F:]+\\]|[^:\\[\\]\\s/]+):[0-9]{1,5}$" $v.cloudagent) -}}
{{- $problems = append $problems (printf "cloudagent %q is no address: write HOST:PORT, IPv6 in brackets" $v.cloudagent) -}}
{{- end -}}
{{- if and (not $v.serviceAccount.create) (not $v.serviceAccount.name) -}}
{{- $problems = append $problems "serviceAccount.name is empty and serviceAccount.create is false: name the service account to use" -}}
{{- end -}}
{{- if not (regexMatch "^$|^sha256:[0-9a-f]{64}$" $v.image.digest) -}}
{{- $problems = append $problems (printf "image.digest %q is none: write sha256: and 64 hexadecimal digits" $v.image.digest) -}}
{{- end -}}
{{- if regexMatch "[@\\s]" $v.image.repository -}}
{{- $problems = append $problems (printf "image.repository %q is none: write the name alone, and image.tag or image.digest beside it" $v.image.repository) -}}
{{- end -}}
{{- range $v.extraArgs -}}
{{- if not (hasPrefix "--" .) -}}
{{- $problems = append $problems (printf "extraArgs: %q is no flag: write --NAME=VALUE as one text" .) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[0-9]+(ms|s|m|h)$" $v.metrics.serviceMonitor.interval) -}}
{{- $problems = append $problems (printf "metrics.serviceMonitor.interval %q is no duration: write for example 30s" $v.metrics.serviceMonitor.interval) -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n%s" (join "\n" $problems)) -}}
{{- end -}}
{{- end -}}
