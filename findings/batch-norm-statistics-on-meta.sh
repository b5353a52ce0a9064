#!/usr/bin/env bash
# torch: dtype of what batch norm keeps for the backward pass, counted on the meta device and on the CPU.
#
# Guess: the meta device, which memory counters and exporters trust, gives the dtypes that the CPU gives.
# Seen (torch 2.13.0): in bfloat16 and float16 with params of the same dtype the meta device says float32 for the saved mean and
# inverse deviation, the CPU keeps them in the narrow dtype. A count of saved bytes on meta is over by two bytes for each statistic,
# and the CPU's statistics are coarser than the counter suggests. In float32 both agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import torch

print("torch", torch.__version__)


def kept(device: str, dtype: torch.dtype) -> list[torch.dtype]:
    x, one = torch.ones(2, 3, 4, 4, dtype=dtype, device=device), torch.ones(3, dtype=dtype, device=device)
    _, mean, inverse = torch.ops.aten.native_batch_norm(x, one, one, one.clone(), one.clone(), True, 0.1, 1e-5)
    return [mean.dtype, inverse.dtype]


for dtype in (torch.float32, torch.bfloat16, torch.float16):
    print(dtype, "cpu", kept("cpu", dtype), "meta", kept("meta", dtype))
assert kept("cpu", torch.float32) == kept("meta", torch.float32) == [torch.float32] * 2
for narrow in (torch.bfloat16, torch.float16):
    assert kept("cpu", narrow) == [narrow] * 2
    assert kept("meta", narrow) == [torch.float32] * 2
PY
echo "as seen before"
