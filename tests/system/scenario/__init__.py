# SPDX-License-Identifier: Apache-2.0
"""The scenario of the product on real packets: what scripts/demo runs. One module per concern: lab (hosts and programs),
traffic (senders and what arrived), report (expected, observed, time), and the steps themselves."""
