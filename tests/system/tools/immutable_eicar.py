#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the EICAR test file and makes it immutable (chattr +i) before it is closed, so that nothing can remove it
between the two.

immutable_eicar.py FILE
"""
import array
import fcntl
import sys

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS" + "-TEST-FILE!$H+H*"
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x80086601, 0x40086602, 0x10

with open(sys.argv[1], "wb", buffering=0) as file:
    file.write(EICAR.encode())
    flags = array.array("l", [0])
    fcntl.ioctl(file, FS_IOC_GETFLAGS, flags)
    flags[0] |= FS_IMMUTABLE_FL
    fcntl.ioctl(file, FS_IOC_SETFLAGS, flags)
