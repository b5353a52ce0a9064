#!/usr/bin/env bash
# Ray Tune: metric and mode of a TuneConfig, and a searcher that was made without them.
#
# Guess: the searcher is told by `set_search_properties` before its first `suggest`, as the TuneConfig says that a searcher without a
# metric of its own goes by that of the Tuner.
# Seen (ray 2.60.0): it is told only where the Tuner has a param_space that is not empty. Without one, which is natural for a searcher that
# has a space of its own, `set_search_properties` is never called, and the searcher never knows, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ray[tune]==2.60.0'
cd "$folder"
HOME="$folder" RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=disabled "$folder/venv/bin/python" - <<'PY'
import tempfile

import ray
from ray import tune
from ray.tune.search import Searcher

print("ray", ray.__version__)
ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error")


class Asking(Searcher):
    def set_search_properties(self, metric, mode, config, **spec):
        seen.append((metric, mode))
        return False

    def suggest(self, trial_id):
        return {"x": 1}

    def on_trial_complete(self, trial_id, result=None, error=False):
        pass

    def save(self, checkpoint_path):
        pass

    def restore(self, checkpoint_path):
        pass


def run(**more):
    seen.clear()
    tune.Tuner(
        lambda config: tune.report({"loss": 1.0}),
        tune_config=tune.TuneConfig(search_alg=Asking(), metric="loss", mode="min", num_samples=1),
        run_config=tune.RunConfig(storage_path=tempfile.mkdtemp(), verbose=0),
        **more,
    ).fit()
    return list(seen)


seen = []
without, with_one = run(), run(param_space={"constant": 1})
print("without a param_space", without)
print("with one             ", with_one)
assert without == []
assert with_one == [("loss", "min")]
PY
echo "as seen before"
