#!/usr/bin/env bash
# Spark's discovery script for resource 'gpu': the cards of this machine as JSON, by NVIDIA's own tool. Give it with
# spark.executor.resource.gpu.discoveryScript (and for a standalone worker spark.worker.resource.gpu.discoveryScript).
set -euo pipefail
if ! command -v nvidia-smi >/dev/null; then
  echo "Cannot discover cards: nvidia-smi is not here. Install NVIDIA's driver, or do not ask for resource gpu." >&2
  exit 1
fi
addresses=$(nvidia-smi --query-gpu=index --format=csv,noheader | sed 's/.*/"&"/' | paste -sd, -)
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"
