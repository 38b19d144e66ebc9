# SPDX-License-Identifier: Apache-2.0
"""The policies that the steps apply."""

# The internet rule of the scenario, and what a machine that is cut off may still reach.
INTERNET = """
rules:
  - name: internet
    from: lan
    to: wan
    action: accept
    source: {minimum: green, require_heartbeat: true}
allowed:
  - {network: 198.18.0.1/32, service: tcp/8000}
whom_to_call: "the lab, extension 1"
"""

# Everything passes, whatever its health: only isolation is left.
OPEN = """
rules:
  - name: anything
    action: accept
    source: {minimum: none, require_heartbeat: false}
allowed:
  - {network: 198.18.0.1/32, service: tcp/8000}
whom_to_call: "the lab, extension 1"
"""
