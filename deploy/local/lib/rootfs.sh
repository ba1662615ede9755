# shellcheck shell=bash
# The root filesystem that the servers run in: Debian 13 with PostgreSQL 17 + TimescaleDB, RabbitMQ 4 and, for tests, Mosquitto;
# made once, kept in the user's cache under a hash of its recipe, shared by every clone, and only ever read.

rootfs_suite=trixie
rootfs_packages=postgresql-17,postgresql-17-timescaledb,rabbitmq-server,mosquitto
# Left out: documentation and translations, and PostgreSQL's JIT (off here; its compiler alone is 127 MB).
rootfs_without=('/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*' '/usr/share/i18n/*'
  '/usr/lib/*/libLLVM*' '/usr/lib/*/libz3*' '/usr/lib/postgresql/*/lib/llvmjit.so' '/usr/lib/postgresql/*/lib/bitcode/*')
rootfs_cache=${XDG_CACHE_HOME:-$HOME/.cache}/easysmart
rootfs_needs=1500 # MiB while it is being made; a third of it stays

rootfs_recipe=$(printf '%s\n' 1 "$rootfs_suite" "$rootfs_packages" "${rootfs_without[@]}" | sha256sum)
rootfs=$rootfs_cache/rootfs-${rootfs_recipe:0:12}

# prepare_rootfs: makes it unless it is there. It appears complete or not at all; two starts do not make it twice.
prepare_rootfs() {
  [[ -d $rootfs ]] && return
  need_space "$rootfs_cache" "$rootfs_needs" 'the root filesystem of the servers'
  need_space "${TMPDIR:-/tmp}" "$rootfs_needs" 'making the root filesystem of the servers (TMPDIR moves it)'
  step 'preparing Debian 13 with PostgreSQL and RabbitMQ (once)'
  exec 8>"$rootfs_cache/lock"
  flock 8
  [[ -d $rootfs ]] || make_rootfs
  exec 8>&-
  step_done
}

make_rootfs() {
  local log=$logs/rootfs.log path
  local -a options=(--variant=minbase --include="$rootfs_packages" --format=tar)
  ((EUID == 0)) || options+=(--mode=unshare)
  for path in "${rootfs_without[@]}"; do options+=(--dpkgopt="path-exclude=$path"); done
  # Debian makes a database cluster when PostgreSQL is installed; ours are made with the data.
  # shellcheck disable=SC2016 # $1 is mmdebstrap's
  options+=(--essential-hook='mkdir -p "$1/etc/postgresql-common" &&
    echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"')

  rm -rf "$rootfs_cache"/rootfs-making.*
  rootfs_making=$(mktemp -d "$rootfs_cache/rootfs-making.XXXXXX")
  # Everything becomes the user's own, so that rm -rf removes the cache without further rights.
  interruptible unpack_debian "${options[@]}" 2>"$log" || explain_rootfs_failure "$log"
  chmod -R u+rwX,go-w "$rootfs_making"
  chmod 755 "$rootfs_making"
  mkdir -p "$rootfs_making"/{dev,data,conf,init}
  echo '127.0.0.1 localhost' >"$rootfs_making/etc/hosts"
  mv -T "$rootfs_making" "$rootfs"
}

# discard_rootfs_in_making: for whoever is interrupted.
discard_rootfs_in_making() { [[ -z ${rootfs_making:-} ]] || rm -rf "$rootfs_making"; }

unpack_debian() {
  mmdebstrap "$@" "$rootfs_suite" - | tar --extract --no-same-owner --exclude=./dev --directory="$rootfs_making"
}

explain_rootfs_failure() {
  local log=$1
  if grep -qi 'no space left' "$log"; then
    die "The disk filled up while the root filesystem was made: make room in $rootfs_cache and ${TMPDIR:-/tmp}, then run this again (details: $log)."
  elif grep -qiE 'subuid|subgid|newuidmap|unshare' "$log" && ! grep -qi 'apt-get update' "$log"; then
    die "This user may not make user namespaces: give it a range in /etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER), then run this again (details: $log)."
  fi
  die "Debian's packages for the servers could not be downloaded or unpacked: check the network (and http_proxy), then run this again (details: $log)."
}
