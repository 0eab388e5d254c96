#!/bin/sh
# Tells a customer that an order is cancelled: the event's JSON on stdin, the result's on stdout.
# A real one would call sendmail where this one writes to its log, which is stderr.

set -eu

event=$(cat)
order=$(printf '%s' "$event" | sed -n 's/.*"order" *: *"\([A-Za-z0-9-]*\)".*/\1/p')

if [ -z "$order" ]; then
    echo '{"errorType": "NoOrder", "errorMessage": "the event names no order"}'
    exit 1
fi

echo "From: ${SENDER:-shop}, Subject: your order $order is cancelled" >&2
printf '{"order": "%s", "notified": true}\n' "$order"
