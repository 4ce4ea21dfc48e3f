"""Makes the PyTorch files beside it, with torch 1.13. Neither the build nor the tests need this.

Values follow formulas that the test repeats.
"""
import collections
import os

import torch

folder = os.path.dirname(os.path.abspath(__file__))


def values(n, scale):
    return torch.arange(n, dtype=torch.float32) * scale - 1


def state():
    base = values(24, 0.25).reshape(4, 6)
    shared = values(10, 0.5)
    tensors = collections.OrderedDict()
    tensors["conv.weight"] = torch.nn.Parameter(values(24, 0.125).reshape(2, 3, 2, 2))
    tensors["turned"] = base.t()
    tensors["part"] = shared[2:9:3]
    tensors["whole"] = shared
    tensors["half"] = values(3, 0.5).half()
    tensors["brain"] = values(3, 0.5).bfloat16()
    tensors["double"] = values(2, 0.5).double()
    tensors["long"] = torch.tensor([[1, -(2**40)]])
    tensors["int"] = torch.tensor([-5], dtype=torch.int32)
    tensors["short"] = torch.tensor([-300, 300], dtype=torch.int16)
    tensors["char"] = torch.tensor([-128, 127], dtype=torch.int8)
    tensors["byte"] = torch.tensor([0, 255], dtype=torch.uint8)
    tensors["flags"] = torch.tensor([True, False, True])
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 3)
    tensors._metadata = collections.OrderedDict([("", {"version": 1})])
    return tensors


def save(name, value, **options):
    torch.save(value, os.path.join(folder, name), **options)


def checkpoint():
    weights = [torch.nn.Parameter(values(4, 0.5))]
    optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9)
    weights[0].sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    return {
        "epoch": 7,
        "best": 0.75,
        "name": "n\u00e4me",
        "shape": torch.Size([2, 3]),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "seed": 2**80,
        "state_dict": state(),
    }


save("state.pth", state())
save("checkpoint.pth", checkpoint())
save("checkpoint_protocol4.pth", checkpoint(), pickle_protocol=4)
save("checkpoint_legacy.pth", checkpoint(), _use_new_zipfile_serialization=False)
save("module.pth", torch.nn.Linear(2, 2))
script = torch.jit.script(torch.nn.Linear(2, 2))
script.save(os.path.join(folder, "script.pt"))
