#!/bin/sh
# install.sh ENVIRONMENT MACHINE: install the locked wheels into an environment, for x86_64 or aarch64, in an image's build.
set -eu
python3 -m venv --without-pip "$1"
site=$1/lib/python3.11/site-packages
# bookworm has glibc 2.36, which runs what was built for any older one.
# shellcheck disable=SC2046 # one option for each
/tools/bin/pip --python "$1/bin/python" install --no-cache-dir --no-compile --no-deps --require-hashes -r /locks/runtime.txt \
  --only-binary :all: --target "$site" --platform "manylinux1_$2" --platform "manylinux2010_$2" \
  --platform "manylinux2014_$2" $(seq -f "--platform=manylinux_2_%.0f_$2" 5 36)
rm -rf "$site/bin"
[ ! -e /tools/slim.py ] || python3 /tools/slim.py "$site"
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$site"
