#!/bin/sh
# Starts workerd in place of this script. The runtime holds the lock on its state folder, and the system ends it
# with the process that started it. A runtime without EDGELOG_STATE_LOCK, such as that of another tool, locks nothing.
if [ -n "$EDGELOG_STATE_LOCK" ]; then
  exec 9>>"$EDGELOG_STATE_LOCK"
  # Miniflare writes its config before it checks whether the runtime has ended.
  flock --nonblock 9 || { echo 'edgelog: the state folder is in use' >&2; cat >/dev/null; exit 75; }
fi
exec setpriv --pdeathsig KILL "$EDGELOG_WORKERD_PATH" "$@"
