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

{{/* [registry/]repository[:tag][@digest] from a dict of image and default tag. */}}
{{- define "scriptmodel-operator.image" -}}
{{- with .image }}
{{- with .registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .repository }}
{{- if or .tag (not .digest) }}:{{ default $.tag .tag }}{{ end }}
{{- with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* "true" if no pachd is named, so that the release runs localpach in its place. */}}
{{- define "scriptmodel-operator.ownPachd" -}}
{{- $secret := .Values.pachd.secret }}
{{- if not (or .Values.pachd.address (and $secret.name $secret.addressKey)) }}true{{ end }}
{{- end }}

{{- define "scriptmodel-operator.pachdName" -}}
{{- include "scriptmodel-operator.serviceName" . | trunc 41 | trimSuffix "-" }}-localpach
{{- end }}

{{- define "scriptmodel-operator.pachdHost" -}}
{{- default (printf "%s.%s.svc" (include "scriptmodel-operator.pachdName" .) .Release.Namespace) .Values.localpach.clusterIP }}
{{- end }}

{{/* HOST:PORT of the pachd that is named, or of localpach. */}}
{{- define "scriptmodel-operator.pachdAddress" -}}
{{- if include "scriptmodel-operator.ownPachd" . }}
{{- include "scriptmodel-operator.pachdHost" . }}:30650
{{- else }}
{{- .Values.pachd.address }}
{{- end }}
{{- end }}

{{- define "scriptmodel-operator.localpachNamespace" -}}
{{- default (printf "%s-workers" .Release.Namespace) .Values.localpach.workerNamespace }}
{{- end }}

{{- define "scriptmodel-operator.tokenSecret" -}}
{{- default (printf "%s-token" (include "scriptmodel-operator.pachdName" .)) .Values.localpach.tokenSecret }}
{{- end }}

{{/* pachd.secret, or the Secret with localpach's token. */}}
{{- define "scriptmodel-operator.pachdSecret" -}}
{{- if include "scriptmodel-operator.ownPachd" . }}
{{- dict "name" (include "scriptmodel-operator.tokenSecret" .) "tokenKey" "token" "addressKey" "" "caKey" "" | toYaml }}
{{- else }}
{{- .Values.pachd.secret | toYaml }}
{{- end }}
{{- end }}

{{- define "scriptmodel-operator.pachdEnv" -}}
{{- $secret := include "scriptmodel-operator.pachdSecret" . | fromYaml -}}
- name: SCRIPTMODEL_PACHD
{{- if and $secret.name $secret.addressKey }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.name | quote }}
      key: {{ $secret.addressKey | quote }}
{{- else }}
  value: {{ include "scriptmodel-operator.pachdAddress" . | quote }} # HOST:PORT of pachd
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
{{- with include "scriptmodel-operator.pachdSecret" . | fromYaml }}
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
image: {{ include "scriptmodel-operator.image" (dict "image" .Values.image "tag" .Chart.AppVersion) }}
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
{{- if .Values.publicConfig.address }}
{{- .Values.publicConfig.address }}
{{- else if not (and $secret.name $secret.addressKey) }}
{{- $address := include "scriptmodel-operator.pachdAddress" . }}
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

{{/* Where workers' pods run: localpach's workers, or pachd's namespace; refuses an address without a namespace. */}}
{{- define "scriptmodel-operator.workerNamespace" -}}
{{- $own := include "scriptmodel-operator.ownPachd" . }}
{{- $namespace := ternary (include "scriptmodel-operator.localpachNamespace" .) (include "scriptmodel-operator.pachdNamespace" .) (eq $own "true") }}
{{- if not $namespace }}
{{- fail "rbac.workerPods.list needs pachd's address as NAME.NAMESPACE.svc:PORT, in publicConfig.address or pachd.address" }}
{{- end }}
{{- $namespace }}
{{- end }}
