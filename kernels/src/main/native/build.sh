#!/usr/bin/env bash
# Builds the native kernels into OUT (a folder of the jar). Without a compiler nothing is built, and
# one line says so: the device 'nd4j' serves then.
set -euo pipefail
out=$1
java_home=$2
cd "$(dirname "$0")"

for tool in "${CXX:-g++}" make; do
  if ! command -v "$tool" >/dev/null; then
    echo "Native kernels are left out: '$tool' is not here. ci/setup installs it; until then device 'nd4j' is used."
    exit 0
  fi
done
[ -f "$java_home/include/jni.h" ] || java_home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
if [ ! -f "$java_home/include/jni.h" ]; then
  echo "Native kernels are left out: $java_home has no include/jni.h. Build with a full JDK; until then device 'nd4j' is used."
  exit 0
fi

if ! command -v "${NVCC:-nvcc}" >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
  echo "CUDA kernels are left out: 'nvcc' is not here. Install a CUDA toolkit to have device 'cuda'."
fi
platform=$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
mkdir -p "$out/native/$platform"
make --no-print-directory -s -j"$(nproc)" OUT="$out/native/$platform" OBJ="$out/../native-objects" JAVA_HOME="$java_home"
