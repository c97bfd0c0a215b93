#!/bin/bash
# Inside the virtual machine: reads one base64 line after another from the virtio console, runs each as a shell script,
# and answers with its exit status and what it printed, as one line.
exec 3<>/dev/hvc0
stty -F /dev/hvc0 raw -echo
echo "ready" >&3
while read -r line <&3; do
    printed=$(base64 -d <<<"$line" | bash 2>&1)
    status=$?
    echo "$status $(printf '%s' "$printed" | base64 -w0)" >&3
done
