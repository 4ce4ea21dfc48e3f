"""Writes vision.json: answers of torchvision's and transformers' networks to formula-made weights.

Neither the build nor the tests need this file. It was run with torch 1.13.1, torchvision 0.14.1 and
transformers 4.36.2:

    python3 make_vision.py > vision.json

Every tensor, the images too, is a formula of its name and shape (value_of), which
tests/plugins/networks/golden_test.cpp repeats, so that only names, shapes and answers are stored.
Computed in float64. Where "state" is missing, the names are those of our network.
"""

import json
import math

import numpy as np
import torch
import torchvision.models as tv
import transformers as hf

CLASSES = 12
# torchvision's GoogLeNet returns its heads in each other's place.
OUR_HEADS = {"aux_logits2": "aux1", "aux_logits1": "aux2", "aux_logits": "AuxLogits"}


def value_of(name, shape, norm=1.0):
    """Hashed name and index (the finalizer of MurmurHash3), as uniform numbers of a fitting range.

    norm: mean of the batch norms' weights; with too large ones deep networks enlarge what rounding does.
    """
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    count = int(np.prod(shape))
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    h = h ^ (h >> np.uint32(16))
    u = h.astype(np.float64) / 2**31 - 1
    leaf = name.rsplit(".", 1)[-1]
    if name == "input":
        u = u * math.sqrt(3)
    elif len(shape) >= 2:
        u = u * math.sqrt(6 * shape[0] / count)
    elif leaf in ("weight", "running_var"):
        u = (norm if leaf == "weight" else 1) + 0.5 * u
    else:
        u = 0.2 * u
    return torch.from_numpy(u.astype(np.float32).reshape(shape)).double()


def filled(net, norm):
    state = {}
    for name, tensor in net.state_dict().items():
        integer = tensor.dim() == 0
        state[name] = tensor if integer else value_of(name, tuple(tensor.shape), norm)
    net.double().load_state_dict(state)
    return net.eval()


def numbers(tensor):
    return [float("%.8g" % v) for v in tensor.flatten().tolist()]


def record(type, options, net, size, foreign=False, training=False, norm=1.0):
    shape = [4 if training else 2, 3, size, size]
    image = value_of("input", shape)
    net = filled(net, norm).train(training)
    with torch.no_grad():
        answer = net(image)
    entry = {"type": type, "options": dict(options, num_classes=CLASSES, image_size=size), "input": shape}
    if norm != 1:
        entry["norm"] = norm
    if training:
        heads = answer._asdict()
        entry["logits"] = numbers(heads.pop("logits"))
        entry["auxiliary"] = {OUR_HEADS[k]: numbers(v) for k, v in heads.items()}
    else:
        entry["logits"] = numbers(answer.logits if foreign else answer)
    if foreign:
        entry["state"] = [[k, list(v.shape)] for k, v in net.state_dict().items()]
    return entry


def vgg16():
    net = tv.vgg16_bn(num_classes=CLASSES)
    linear = torch.nn.Linear
    net.classifier = torch.nn.Sequential(
        linear(512, 512), torch.nn.ReLU(), torch.nn.Dropout(),
        linear(512, 512), torch.nn.ReLU(), torch.nn.Dropout(), linear(512, CLASSES))
    net.avgpool = torch.nn.AdaptiveAvgPool2d(1)
    return net


def resnet18_cifar():
    net = tv.resnet18(num_classes=CLASSES)
    net.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    net.maxpool = torch.nn.Identity()
    return net


def hf_resnet(depths, sizes, kind):
    return hf.ResNetForImageClassification(hf.ResNetConfig(
        depths=depths, hidden_sizes=sizes, layer_type=kind, num_labels=CLASSES))


def main():
    n = {"num_classes": CLASSES}
    plain = dict(n, init_weights=False)
    entries = [
        record("MobileNetV2", {}, tv.mobilenet_v2(**n), 64),
        record("MobileNetV2", {"width": 0.35}, tv.mobilenet_v2(width_mult=0.35, **n), 45),
        record("EfficientNet", {"variant": "b0"}, tv.efficientnet_b0(**n), 64),
        record("EfficientNet", {"variant": "b3"}, tv.efficientnet_b3(**n), 45),
        record("EfficientNet", {"variant": "b5"},
               tv.efficientnet_b5(**n), 32, norm=0.96),
        record("ResNet", {"depth": 18}, tv.resnet18(**n), 64),
        record("ResNet", {"depth": 50}, tv.resnet50(**n), 64),
        record("ResNet", {"depth": 18, "stem": "cifar"}, resnet18_cifar(), 24),
        record("VGG", {}, vgg16(), 32),
        record("GoogLeNet", {"transform_input": True},
               tv.googlenet(aux_logits=False, transform_input=True, **plain), 72),
        record("GoogLeNet", {"auxiliary": True, "dropout": 0, "auxiliary_dropout": 0},
               tv.googlenet(aux_logits=True, dropout=0, dropout_aux=0, **plain), 64, training=True),
        record("InceptionV3", {}, tv.inception_v3(aux_logits=False, **plain), 107),
        record("InceptionV3", {"auxiliary": True, "dropout": 0},
               tv.inception_v3(aux_logits=True, dropout=0, **plain), 299, training=True),
        record("ResNet", {"depth": 18}, hf_resnet([2, 2, 2, 2], [64, 128, 256, 512], "basic"), 64, True),
        record("ResNet", {"depth": 50}, hf_resnet([3, 4, 6, 3], [256, 512, 1024, 2048], "bottleneck"), 33, True),
        record("MobileNetV2", {"convention": "google"},
               hf.MobileNetV2ForImageClassification(hf.MobileNetV2Config(num_labels=CLASSES)), 75, True),
        record("EfficientNet", {"variant": "b0", "convention": "google"},
               hf.EfficientNetForImageClassification(hf.EfficientNetConfig(
                   width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280,
                   depthwise_padding=[], num_labels=CLASSES)), 64, True),
    ]
    print("[\n" + ",\n".join(json.dumps(e, separators=(",", ":")) for e in entries) + "\n]")


main()
