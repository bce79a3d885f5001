{{- /* Values that have the right type and still make no sense; all of them at once, each one sentence. */ -}}
{{- define "fairlead-cloudagent.check" -}}
{{- $problems := list -}}
{{- $v := .Values -}}
{{- if not $v.siteName -}}
{{- $problems = append $problems "siteName is not set: choose a name for the site and keep it, such as --set siteName=home" -}}
{{- else if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" $v.siteName) -}}
{{- $problems = append $problems (printf "siteName %q is no name: use 1-63 of a-z, 0-9 and \"-\"" $v.siteName) -}}
{{- end -}}
{{- $ports := dict "control" "controllers and operators" "join" "LB machines, controllers and operators" -}}
{{- range $port, $who := $ports -}}
{{- $value := index $v.advertise $port -}}
{{- if not $value -}}
{{- $problems = append $problems (printf "advertise.%s is not set: say where %s reach the %s port, as HOST:PORT" $port $who $port) -}}
{{- else if not (regexMatch "^(\\[[0-9a-fA-F:]+\\]|[^:\\[\\]\\s/]+):[0-9]{1,5}$" $value) -}}
{{- $problems = append $problems (printf "advertise.%s %q is no address: write HOST:PORT, IPv6 in brackets" $port $value) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?([EPTGMK]i?|m|k)?$" $v.persistence.size) -}}
{{- $problems = append $problems (printf "persistence.size %q is no size: write for example 1Gi" $v.persistence.size) -}}
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
