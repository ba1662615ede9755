#!/bin/sh
# Entrypoint of the EMQX container: the management API's key is written where emqx.conf names it, bootstrap is left
# running until the listeners are open, and the image's own entrypoint takes over.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
: "${EASYSMART_BROKER_API_KEY:?is not set: DeviceProvisioning could not end sessions, and nothing would open the listeners}"
: "${EASYSMART_BROKER_API_SECRET:?is not set}"
case $EASYSMART_BROKER_API_KEY$EASYSMART_BROKER_API_SECRET in
*[!A-Za-z0-9_-]*) echo "EASYSMART_BROKER_API_KEY and _SECRET: letters, digits, _ and - only (a colon would end the key)" >&2 && exit 1 ;;
esac

key_file=${EASYSMART_API_KEY_FILE:-/opt/emqx/etc/api_key}
rm -f "$key_file"
(umask 077 && printf '%s:%s\n' "$EASYSMART_BROKER_API_KEY" "$EASYSMART_BROKER_API_SECRET" >"$key_file")

# At every start, because emqx.conf ships the listeners closed and wins over what was opened through the API before.
# It goes on trying: DeviceProvisioning may be back later than the broker.
(
    until sh "$here/bootstrap"; do
        sleep 10
    done
) &

# What EMQX itself has no use for, it need not have in its environment.
unset EASYSMART_BROKER_API_KEY EASYSMART_BROKER_API_SECRET
if [ $# -eq 0 ]; then
    set -- /opt/emqx/bin/emqx foreground
fi
exec "${EASYSMART_ENTRYPOINT:-/usr/bin/docker-entrypoint.sh}" "$@"
