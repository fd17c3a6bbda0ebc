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
if [ -d "$site/tensorflow" ]; then # what its wheel has and requires, and nothing here imports: docs/operations/images.md
  cd "$site"
  rm -rf tensorflow/include numpy/_core/include clang grpc pygments setuptools _distutils_hack distutils-precedence.pth wheel
  rm -rf libclang-*.dist-info grpcio-*.dist-info pygments-*.dist-info setuptools-*.dist-info wheel-*.dist-info
  find . -type d \( -name tests -o -name testdata \) -prune -exec rm -rf {} +
  find . -name '*_test.py' -delete
fi
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$site"
