#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A few seconds of what scripts/soak does for ten minutes, with a seed that stays.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec scripts/soak --minutes 0.1 --seed 1
