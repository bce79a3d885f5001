#!/bin/sh
# Written by lbagent. Run by keepalived: DEVICE ANCHOR INSTANCE NAME STATE [PRIORITY]
PATH=/usr/sbin:/usr/bin:/sbin:/bin
device=$1 anchor=$2 name=$4 state=$5
directory=/var/lib/lbagent/vrrp
run=/run/lbagent

owns() { [ -n "$(/usr/sbin/ip -o address show dev "$device" to "$anchor" 2>/dev/null)" ]; }

# Without nodad the kernel tells of an IPv6 address when it has finished it; but where it probes, that takes seconds.
never_probes() {
  read -r all </proc/sys/net/ipv6/conf/all/accept_dad && read -r one <"/proc/sys/net/ipv6/conf/$device/accept_dad" &&
    [ "$all$one" = 00 ]
} 2>/dev/null

batch() {
  if [ $1 = become-owner ] && never_probes; then
    sed 's/ nodad / /' "$directory/$name.$1" | /usr/sbin/ip -force -batch -
  else /usr/sbin/ip -force -batch "$directory/$name.$1"; fi
} >/dev/null 2>&1

# Two programs are called arping: one announces its source (-S), the other its target.
arping_one() {
  /usr/sbin/arping -q -U -c 1 -i "$2" -S "$1" "$1" || /usr/sbin/arping -q -U -c 1 -I "$2" "$1"
} 2>/dev/null

# The kernel announces an IPv6 address that is new, unless it has nodad.
readd_ipv6() {
  sed -n 's|^addr replace \([0-9a-f:]*/128 dev [^ ]*\) \(metric [0-9]*\) nodad\(.*\)|addr del \1\naddr add \1 \2\3|p' "$directory/$name.become-owner" |
    /usr/sbin/ip -force -batch - >/dev/null 2>&1
}

announce() {
  batch announce && return
  readd_ipv6
  sed -n 's|^addr replace \([0-9.]*\)/32 dev \([^ ]*\).*|\1 \2|p' "$directory/$name.become-owner" |
    while read -r vip link; do arping_one "$vip" "$link" & done
}

# Of a keepalived that was killed the anchor stays on the link, and another machine answers for the addresses by then.
still_owns() { read -r _ _ parent _ 2>/dev/null </proc/$PPID/stat && [ "$parent" != Z ] && owns; }

announce_again() {
  for pause in 0.05 0.45 1 2 4 8; do
    sleep $pause
    still_owns || return
    announce
  done
}

announce_often() {
  exec 7>"$directory/$name.often-lock"
  /usr/bin/flock -n 7 || return
  turn=0
  while [ $turn -lt 60 ] && sleep 0.5 && still_owns; do
    announce
    turn=$((turn + 1))
  done
}

if [ $state = MASTER_RX_LOWER_PRI ]; then
  # Comes with every advert of the other machine for as long as that one cannot hear us.
  exec 8>"$directory/$name.announce-lock"
  /usr/bin/flock -n 8 || exit 0
  owns && announce
  # Of some of its takeovers we hear nothing: what it then said of the addresses is to be corrected all the same.
  (exec 8>&- >/dev/null 2>&1; announce_often) &
  sleep 0.3
  exit 0
fi

exec 9>"$directory/$name.lock"
/usr/bin/flock 9

case $state in
  MASTER) did=become-owner ;;
  *) did=leave-owner ;;
esac
batch $did || { [ $did = become-owner ] && announce; }
if owns; then is=become-owner; else is=leave-owner; fi
[ $is = $did ] || batch $is

if [ $is = become-owner ]; then now=MASTER
elif [ $did = become-owner ]; then now=BACKUP
else now=$state
fi
echo $now >"$run/$name.state.new" && mv -f "$run/$name.state.new" "$run/$name.state"

# A redirection of the call alone would keep a copy of the lock.
if [ $is = become-owner ]; then (exec 9>&- >/dev/null 2>&1; announce_again) & fi
exit 0
