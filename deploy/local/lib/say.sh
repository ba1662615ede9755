# shellcheck shell=bash
# What a person reads while the fleet starts: one line a step with the seconds it took, and one sentence when it fails.

step_open=
step_began=0

# step TEXT: begins a step; its line is ended by the next step, by step_done or by die.
step() {
  step_done
  printf '  %-62s ' "$1 …" >&2
  step_open=1 step_began=$EPOCHREALTIME
}

# step_done: ends the line with the time taken.
step_done() {
  [[ $step_open ]] || return 0
  local tenths=$(( (${EPOCHREALTIME//[!0-9]/} - ${step_began//[!0-9]/}) / 100000 ))
  printf '%3d.%d s\n' $((tenths / 10)) $((tenths % 10)) >&2
  step_open=
}

# note SENTENCE: a line of its own between steps.
note() {
  step_done
  printf '%s\n' "$1" >&2
}

# die SENTENCE: says what is wrong and what to do, and ends the program.
die() {
  [[ $step_open ]] && printf 'failed\n' >&2
  step_open=
  printf '\n%s\n' "$1" >&2
  exit 1
}
