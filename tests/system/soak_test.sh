#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A few seconds of what scripts/soak does for ten minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec scripts/soak --minutes 0.1
