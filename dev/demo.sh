#!/usr/bin/env bash
# make demo: from plays to a new script on this machine, by a ScriptModel in a real kube-apiserver. Prints each command that it runs.
# usage: dev/demo.sh [PLAYS [keep]]   (PLAYS of 38 train; keep leaves everything running)   dev/demo.sh stop
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=shakespeare sample=manifests/samples/shakespeare.yaml

ending() { # ending ended|kept: what to try next
  cat <<TEXT

The report shows corpus, settings, quality and more samples of the model:
    xdg-open ${folder#"$PWD/"}/report.html    # or copy this one file to a machine with a browser
TEXT
  if [[ $1 == ended ]]; then
    cat <<TEXT
Everything that the demo started has ended. Three things to try next, in this folder:
  1. The same again, left running for kubectl and scriptmodel:
    make demo KEEP=1
  2. The same without Kubernetes:
    make plays
    .venv/operator/bin/scriptmodel local -f $sample --corpus plays/
  3. The trainer alone, on the same plays:
    .venv/trainer/bin/scriptmodel-trainer train --data plays/ --out model/ --minutes 5
TEXT
    return
  fi
  cat <<TEXT
Everything keeps running; \`make demo-stop\` stops it. To see it in the browser, open the address at the end of
    $folder/ui.log
Or in a terminal. First, in this folder:
    export KUBECONFIG=$(printf %q "$KUBECONFIG") SCRIPTMODEL_PACHD=$SCRIPTMODEL_PACHD
    export PATH=$(printf %q "$programs"):\$PATH
Three things to try next:
  1. Another script from the same model, without training:
    kubectl patch scriptmodel $model --type=merge -p '{"spec": {"generation": {"temperature": "1.1"}}}'
    scriptmodel status $model -w && scriptmodel script $model
  2. Another model of the same plays, and its training:
    sed 's/^  name: .*/  name: again/' $sample | kubectl apply -f -
    scriptmodel status again -w
  3. Why a ScriptModel is as it is, and what to do next:
    scriptmodel why $model
The operator's log: $folder/operator.log
TEXT
}

ticks() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null || true; } # when a process started: with the pid it is one process

end_of() { # end_of FILE: end the servers that a file lists, the newest first, and wait for them
  tac "$1" 2>/dev/null | while read -r pid started name; do
    [[ -n $started && $(ticks "$pid") == "$started" ]] || continue
    kill -TERM -- "-$pid" && for ((tries = 0; tries < 300; tries++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL -- "-$pid" 2>/dev/null && echo "demo: killed $name, which did not end"
  done || true
  rm -f "$1"
}

stage() { title=$1 number=$((number + 1)) && echo "[$number/6] $title"; }

run() { # print a command, and run it so that a signal is answered at once
  printf '    $ %s\n' "${*//"$PWD/"/}" | tee -a "$log"
  { "$@" 2>&1 </dev/null | tee -a "$log" | sed -u 's/^/    /'; } &
  current=$!
  wait "$current"
}

serve() { # serve NAME READY COMMAND...: start a server, and wait until READY succeeds
  local name=$1 ready=$2
  shift 2
  printf '    $ %s &\n' "${*//"$PWD/"/}" | tee -a "$log"
  "$@" >"$folder/$name.log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid $(ticks "$pid") $name" >>"$folder/running"
  until eval "$ready" 2>/dev/null; do
    kill -0 "$pid" 2>/dev/null || { log=$folder/$name.log && return 1; }
    sleep 0.2
  done
}

finish() { # the last words of every run
  local status=$1
  trap '' INT TERM HUP
  [[ -z ${current:-} ]] || kill -TERM -- "-$current" 2>/dev/null || true
  [[ $status == 0 && -n $keep ]] || end_of "$folder/running"
  if ((status > 128)); then
    echo "demo: interrupted; what it started has been ended" >&2
  elif ((status)); then
    printf 'demo: stage %d of 6 failed (%s): %s\n' "$number" "$title" "$(grep -v '^make' "$log" | tail -n 1)" >&2
    printf 'demo: log: %s\ndemo: try: read the log; then run `make demo` again\n' "$log" >&2
    exit 1
  fi
}

free_port() { .venv/operator/bin/python -c 'from dev.processes import free_port; print(free_port())'; }

[[ ${BASH_SOURCE[0]} == "$0" ]] || return 0 # sourced for its texts
if [[ ${1:-} == stop ]]; then
  for file in build/demo/*/running; do end_of "$file"; done
  exit
fi
plays=${1:-38} keep=${2:-} number=0 folder=$PWD/build/demo/$(date +%Y%m%d-%H%M%S)-$$
log=$folder/demo.log title=start
mkdir -p "$folder"
[[ ${no_proxy:-} == '*' ]] || export no_proxy="${no_proxy:+$no_proxy,}${NO_PROXY:+$NO_PROXY,}127.0.0.1,localhost"
export NO_PROXY=${no_proxy:-}
set -m # each command is a process group, which a signal for this script ends as a whole
trap 'finish $?' EXIT
trap 'exit 130' INT && trap 'exit 143' TERM && trap 'exit 129' HUP

stage "Install two environments, and find, download or build kube-apiserver, etcd and kubectl"
run make --jobs=2 --no-print-directory env controlplane
programs=$(make --silent controlplane):$PWD/.venv/operator/bin
export PATH=$programs:$PATH KUBECONFIG=$folder/control-plane/kubeconfig
export SCRIPTMODEL_PACHD=127.0.0.1:$(free_port)

stage "Start the control plane, localpach and the operator"
serve control-plane '[[ -s $KUBECONFIG ]]' .venv/operator/bin/python -m dev.stack "$folder/control-plane"
run kubectl apply -f manifests/crd.yaml
run kubectl wait --for=condition=established --timeout=4m crd/scriptmodels.scriptmodel.dev
serve localpach '[[ -s $folder/localpach/token ]] && : <>"/dev/tcp/${SCRIPTMODEL_PACHD/://}"' localpach serve \
  --root "$folder/localpach" --listen "$SCRIPTMODEL_PACHD" --image "scriptmodel-trainer:dev=$PWD/.venv/trainer"
serve operator true scriptmodel-operator run --pachd "$SCRIPTMODEL_PACHD" --pachd-token-file "$folder/localpach/token" \
  --kubeconfig "$KUBECONFIG" --trainer-image scriptmodel-trainer:dev --poll-interval 2 --health-listen "127.0.0.1:$(free_port)"

stage "Push $plays plays to the Pachyderm repo $model"
run .venv/operator/bin/python -m dev.plays "$folder/plays" --first "$plays"
run scriptmodel push "$folder/plays" --repo "$model" --create

stage "Apply the ScriptModel"
run kubectl apply -f "$sample"

stage "Train"
run timeout 2h scriptmodel status "$model" -w

stage "Read the new script"
run kubectl get scriptmodels
run scriptmodel report "$model" --out "$folder/report.html"
run scriptmodel script "$model" --out "$folder/new_script.txt"
run head -n 30 "$folder/new_script.txt"
[[ -z $keep ]] || serve ui "grep -q ^http $folder/ui.log" scriptmodel ui --no-browser --trainer "$PWD/.venv/trainer"
echo "demo: done in $SECONDS s"
ending "$([[ -n $keep ]] && echo kept || echo ended)"
