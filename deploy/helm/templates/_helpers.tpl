{{/* The name that all objects begin with. */}}
{{- define "lumina.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains "lumina" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-lumina" (.Release.Name | trunc 32 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component. Takes a list: the root, the component. */}}
{{- define "lumina.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels of an object of a component. */}}
{{- define "lumina.labels" -}}
{{- $root := index . 0 -}}
{{ include "lumina.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: lumina
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | quote }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lumina.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}

{{/* The Secret with web.yml. */}}
{{- define "lumina.webSecret" -}}
{{- .Values.web.existingSecret | default (printf "%s-web" (include "lumina.name" .)) -}}
{{- end -}}

{{- define "lumina.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "lumina.containerSecurity" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
privileged: false
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Probes of a process: a start may replay hours of samples. */}}
{{- define "lumina.probes" -}}
startupProbe:
  httpGet: {path: /-/ready, port: http}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 150
readinessProbe:
  httpGet: {path: /-/ready, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /-/healthy, port: http}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
{{- end -}}

{{/* Where the pods of a component may run. Takes a list: the root, the component. */}}
{{- define "lumina.placement" -}}
{{- $values := index (index . 0).Values (index . 1) -}}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The files of a process, before the keys of the user come over them. */}}
{{- define "lumina.exporterConfig" -}}
root: /host
data: /data
collectors: {push: {ttl: 5m}}
{{- end -}}

{{- define "lumina.rulerConfig" -}}
{{- $name := include "lumina.name" . -}}
global: {scrape_interval: 10s, evaluation_interval: 30s}
rule_files: [/etc/lumina/rules/*.yml]
dashboard_files: [/etc/lumina/pages/*.yml]
storage: {retention: 90d, size: 10GiB}
scrape_configs:
  - job_name: ruler
    scrape_interval: 30s
    static_configs: [{targets: ['{{ $name }}-ruler:19090']}]
{{- if .Values.exporter.enabled }}
  - job_name: exporter
    # Each address behind this name is the exporter of a node.
    dns_sd_configs: [{names: [{{ $name }}-exporter], type: A, port: 19100}]
{{- end }}
{{- if .Values.analytics.enabled }}
  - job_name: analytics
    scrape_interval: 30s
    honor_labels: true
    static_configs: [{targets: ['{{ $name }}-analytics:19092']}]
{{- end }}
{{- with .Values.ruler.extraScrapeConfigs }}
{{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "lumina.analyticsConfig" -}}
datasource: {url: 'http://{{ include "lumina.name" . }}-ruler:19090'}
models: [/etc/lumina/models/*.yml]
interval: 5m
history: 14d
{{- end -}}

{{- define "lumina.webConfig" -}}
{{- $name := include "lumina.name" . -}}
anonymous: viewer
tokens:
  - {name: operator, token_file: /etc/lumina/web/operator-token, role: operator}
hosts:
{{- range $process := list "exporter" "ruler" "analytics" }}
{{- range $suffix := list "" (printf ".%s" $.Release.Namespace) (printf ".%s.svc" $.Release.Namespace) (printf ".%s.svc.cluster.local" $.Release.Namespace) }}
  - {{ printf "%s-%s%s" $name $process $suffix | quote }}
{{- end }}
{{- end }}
{{- range .Values.web.hosts }}
  - {{ . | quote }}
{{- end }}
{{- end -}}

{{/* A file of a process: the chart's keys with the user's over them. Takes a list: the text, the user's. */}}
{{- define "lumina.merged" -}}
{{- mustMergeOverwrite (index . 0 | fromYaml) (deepCopy (index . 1)) | toYaml -}}
{{- end -}}
