{{- define "scriptmodel-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimAll "-." }}
{{- end }}

{{/* The release's name, with the chart's unless it contains that. 45 characters leave room for the longest suffix. */}}
{{- define "scriptmodel-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimAll "-." }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 45 | trimAll "-." }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimAll "-." }}
{{- end }}
{{- end }}
{{- end }}

{{/* The full name as a DNS-1035 label, which a Service needs: no dots, and a letter first. */}}
{{- define "scriptmodel-operator.serviceName" -}}
{{- $name := include "scriptmodel-operator.fullname" . | replace "." "-" }}
{{- regexReplaceAll "^([0-9])" $name "s-${1}" }}
{{- end }}

{{/* Selector of the operator's pods. It must never change, because a Deployment's selector is immutable. */}}
{{- define "scriptmodel-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "scriptmodel-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Labels of all objects except pods. */}}
{{- define "scriptmodel-operator.labels" -}}
{{ include "scriptmodel-operator.selectorLabels" . }}
app.kubernetes.io/part-of: scriptmodel
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "scriptmodel-operator.serviceAccountName" -}}
{{- default (ternary (include "scriptmodel-operator.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{/* [registry/]repository[:tag][@digest] from a dict of image and `root`, whose registry and version are the defaults. */}}
{{- define "scriptmodel-operator.image" -}}
{{- with .image }}
{{- with default $.root.Values.image.registry .registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .repository }}
{{- if or .tag (not .digest) }}:{{ default $.root.Chart.AppVersion .tag }}{{ end }}
{{- with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{- /* The namespaces that the operator watches, as a list in JSON; that of all is [""]. */}}
{{- define "scriptmodel-operator.watched" -}}
{{- $listed := prepend (default list .Values.watchNamespaces) .Release.Namespace | uniq }}
{{- .Values.watchAllNamespaces | ternary (list "") $listed | toJson }}
{{- end }}

{{/* "true" if a pachd is named. */}}
{{- define "scriptmodel-operator.namesPachd" -}}
{{- $secret := .Values.pachd.secret }}
{{- if or .Values.pachd.address (and $secret.name $secret.addressKey) }}true{{ end }}
{{- end }}

{{/* "true" if Jobs and a bucket are the engine, as in each release that names no pachd. */}}
{{- define "scriptmodel-operator.jobs" -}}
{{- if include "scriptmodel-operator.namesPachd" . }}
{{- if .Values.storage.url }}
{{- fail "pachd.address and storage.url exclude each other: a release has one engine" }}
{{- end }}
{{- else if .Values.pachd.secret.name }}
{{- fail "pachd.secret.name needs the address of pachd, in pachd.address or in the Secret (pachd.secret.addressKey)" }}
{{- else }}true{{ end }}
{{- end }}

{{/* "true" if that bucket is the chart's own. */}}
{{- define "scriptmodel-operator.ownBucket" -}}
{{- if and (include "scriptmodel-operator.jobs" .) (not .Values.storage.url) }}true{{ end }}
{{- end }}

{{- define "scriptmodel-operator.s3Name" -}}
{{- include "scriptmodel-operator.serviceName" . | trunc 41 | trimSuffix "-" }}-s3
{{- end }}

{{/* NAME.NAMESPACE.svc:PORT of the chart's S3 server. */}}
{{- define "scriptmodel-operator.s3Service" -}}
{{- include "scriptmodel-operator.s3Name" . }}.{{ .Release.Namespace }}.svc:7070
{{- end }}

{{/* HOST:PORT by which the operator and runs reach it. */}}
{{- define "scriptmodel-operator.s3Address" -}}
{{- with .Values.storage.server.clusterIP }}{{ . }}:7070{{ else }}{{ include "scriptmodel-operator.s3Service" . }}{{ end }}
{{- end }}

{{/* The Secret with the keys of the bucket: the one that is named, or the one of the chart's S3 server. */}}
{{- define "scriptmodel-operator.storageSecret" -}}
{{- default (ternary (include "scriptmodel-operator.s3Name" .) "" (eq (include "scriptmodel-operator.ownBucket" .) "true")) .Values.storage.secret.name }}
{{- end }}

{{/* Options of what connects to the bucket; empty on another engine. */}}
{{- define "scriptmodel-operator.storageArgs" -}}
{{- if include "scriptmodel-operator.jobs" . }}
{{- $storage := .Values.storage -}}
- {{ printf "--storage=%s" (default "s3://scriptmodel" $storage.url) | quote }}
{{- with ternary (printf "http://%s" (include "scriptmodel-operator.s3Address" .)) $storage.endpoint (eq (include "scriptmodel-operator.ownBucket" .) "true") }}
- {{ printf "--storage-endpoint=%s" . | quote }}
{{- end }}
{{- with $storage.publicUrl }}
- {{ printf "--storage-public-url=%s" . | quote }}
{{- end }}
- {{ printf "--storage-region=%s" $storage.region | quote }}
{{- with $storage.egress }}
- {{ printf "--storage-egress=%s" (toJson .) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Credentials of the bucket, for the operator alone: pods of runs get presigned URLs. */}}
{{- define "scriptmodel-operator.storageEnv" -}}
{{- with include "scriptmodel-operator.storageSecret" . -}}
{{- $keys := dict "gs" (list "GOOGLE_SERVICE_ACCOUNT_KEY") "az" (list "AZURE_STORAGE_ACCOUNT_NAME" "AZURE_STORAGE_ACCOUNT_KEY") }}
{{- $aws := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" }}
{{- range get $keys (splitList ":" (default "" $.Values.storage.url) | first) | default $aws }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ include "scriptmodel-operator.storageSecret" $ | quote }}, key: {{ . }}{{ if eq . "AWS_SESSION_TOKEN" }}, optional: true{{ end }}}
{{- end }}
{{- end }}
{{- end }}

{{/* Environment of what connects to the engine. */}}
{{- define "scriptmodel-operator.engineEnv" -}}
{{- $name := ternary "storageEnv" "pachdEnv" (eq (include "scriptmodel-operator.jobs" .) "true") }}
{{- include (printf "scriptmodel-operator.%s" $name) . }}
{{- end }}

{{- define "scriptmodel-operator.pachdEnv" -}}
{{- $secret := .Values.pachd.secret -}}
- name: SCRIPTMODEL_PACHD
{{- if and $secret.name $secret.addressKey }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name | quote }}
      key: {{ $secret.addressKey | quote }}
{{- else }}
  value: {{ .Values.pachd.address | quote }} # HOST:PORT of pachd
{{- end }}
{{- if $secret.name }}
{{- if $secret.tokenKey }}
- name: SCRIPTMODEL_PACHD_TOKEN_FILE
  value: /etc/scriptmodel/pachd/token
{{- end }}
{{- if $secret.caKey }}
- name: SCRIPTMODEL_PACHD_CA_FILE
  value: /etc/scriptmodel/pachd/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{/* Token and certificates of pachd, if a Secret has them. */}}
{{- define "scriptmodel-operator.pachdVolume" -}}
{{- with .Values.pachd.secret }}
{{- if and .name (or .tokenKey .caKey) }}
- name: pachd
  secret:
    secretName: {{ .name | quote }}
    items:
      {{- with .tokenKey }}
      - key: {{ . | quote }}
        path: token
      {{- end }}
      {{- with .caKey }}
      - key: {{ . | quote }}
        path: ca.crt
      {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scriptmodel-operator.pachdVolumeMount" -}}
{{- if include "scriptmodel-operator.pachdVolume" . }}
- name: pachd
  mountPath: /etc/scriptmodel/pachd
  readOnly: true
{{- end }}
{{- end }}

{{/* Labels of the pods of hooks. They share no selector label with the operator's, so that neither Service nor budget selects them. */}}
{{- define "scriptmodel-operator.hookLabels" -}}
{{ include "scriptmodel-operator.labels" . | replace "app.kubernetes.io/component: operator" "app.kubernetes.io/component: hook" }}
{{- end }}

{{/* Labels that each pod of the chart has besides its own. */}}
{{- define "scriptmodel-operator.podLabels" -}}
app.kubernetes.io/part-of: scriptmodel
{{- range list .Values.commonLabels .Values.podLabels }}
{{- with . }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the pods of hooks share with the operator's: image, security context, scheduling. */}}
{{- define "scriptmodel-operator.hookContainer" -}}
image: {{ include "scriptmodel-operator.image" (dict "image" .Values.image "root" .) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "scriptmodel-operator.hookPod" -}}
automountServiceAccountToken: true
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{/* The address of pachd for users: grpcs:// if the operator trusts certificates of a Secret; empty if only a Secret has it. */}}
{{- define "scriptmodel-operator.publicAddress" -}}
{{- $secret := .Values.pachd.secret }}
{{- if include "scriptmodel-operator.jobs" . }}
{{- else if .Values.publicConfig.address }}
{{- .Values.publicConfig.address }}
{{- else if not (and $secret.name $secret.addressKey) }}
{{- $address := .Values.pachd.address }}
{{- if and $secret.name $secret.caKey (not (hasPrefix "grpcs://" $address)) }}grpcs://{{ end }}
{{- trimPrefix "grpc://" $address }}
{{- end }}
{{- end }}

{{/* The namespace in that address; the release's for a name without dots; empty for an address outside of the cluster. */}}
{{- define "scriptmodel-operator.pachdNamespace" -}}
{{- $address := include "scriptmodel-operator.publicAddress" . | trimPrefix "grpcs://" | trimPrefix "grpc://" }}
{{- $address = regexReplaceAll "^dns:(//[^/]*/)?(.+:)" $address "${2}" }}
{{- $host := regexFind "^[a-z0-9.-]+:[0-9]+$" $address | splitList ":" | first }}
{{- $labels := splitList "." $host }}
{{- if and (ge (len $labels) 3) (eq (index (append $labels "" | rest | rest) 0) "svc") }}
{{- index $labels 1 }}
{{- else if and $host (eq (len $labels) 1) (ne $host "localhost") }}
{{- .Release.Namespace }}
{{- end }}
{{- end }}

{{/* The namespace of the pods to which people forward ports: of the chart's S3 server, or of pachd. */}}
{{- define "scriptmodel-operator.portForwardNamespace" -}}
{{- if include "scriptmodel-operator.ownBucket" . }}
{{- .Release.Namespace }}
{{- else }}
{{- include "scriptmodel-operator.pachdNamespace" . }}
{{- end }}
{{- end }}
