#!/bin/bash
# Written by lbagent. Run by keepalived.
exec 3<>/dev/tcp/127.0.0.1/5001 || exit 1
printf 'GET / HTTP/1.0\r\n\r\n' >&3
IFS= read -r -t 0.9 -u 3 line || exit 1
[[ $line == HTTP/1.?' 200 '* ]]
