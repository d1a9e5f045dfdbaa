#!/usr/bin/env bash
# Feeds each parser with what libFuzzer makes up: fuzz.sh [SECONDS [TARGET …]], of tests/fuzz/fuzz_targets; all for 60 s each.
#
# What was found interesting stays in tests/fuzz/corpus, what failed in tests/fuzz/artifacts. Expressions begin with those of the tests'
# vectors and the names of functions; of them the slowest is said as well.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/paths.sh"
seconds=${1:-60}
shift || true
cd "$root/tests/fuzz"
targets=("$@")
[ $# -gt 0 ] || targets=($(basename -s .rs fuzz_targets/*.rs))

# The instrumentation that libFuzzer is guided by, which needs no nightly compiler. It is of our own code alone, so that the code of others
# takes as long as it does where it is shipped.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing"
mkdir -p target
printf '#!/bin/sh\nexec "$@" %s\n' "$coverage" >target/instrumented
chmod +x target/instrumented
RUSTC_WORKSPACE_WRAPPER=$PWD/target/instrumented CARGO_TARGET_DIR=$PWD/target cargo build --release --quiet

# Vectors as seeds, with their first attribute behind a zero byte, and a dictionary of functions.
expressions() {
  python3 - "$root" "$1" <<'END'
import hashlib, json, pathlib, re, sys
root, corpus = map(pathlib.Path, sys.argv[1:])
for vector in json.loads((root / "tests/data/expression-vectors.json").read_text()):
    value = next((it for it in vector["attributes"].values() if isinstance(it, str)), "")
    seed = re.sub(r"\[\w+\]", "[a]", vector["expression"]) + "\0" + value
    corpus.joinpath(hashlib.sha1(seed.encode()).hexdigest()).write_text(seed)
names = re.findall(r"^### (\w+)$", (root / "docs/expressions.md").read_text(), re.M)
corpus.with_suffix(".dict").write_text("".join(f'"{name}("\n' for name in names))
END
}

for target in "${targets[@]}"; do
  mkdir -p "corpus/$target" artifacts
  more=()
  [ "$target" != expression ] || { expressions "corpus/$target" && more=(-dict="corpus/$target.dict"); }
  echo "fuzz: $target for $seconds s"
  "target/release/$target" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix=artifacts/ "${more[@]}" "corpus/$target" 2>&1 |
    grep -E '^(slowest|stat::number_of_executed_units|stat::average_exec|#[0-9]+.DONE|SUMMARY)|ERROR|panicked' || true
  [ "${PIPESTATUS[0]}" = 0 ] || { echo "fuzz: $target failed; the input is in tests/fuzz/artifacts" >&2; exit 1; }
done
