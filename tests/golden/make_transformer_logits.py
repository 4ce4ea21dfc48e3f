"""Writes transformer_logits.json: logits of Hugging Face's and timm's networks. Not needed by the build or the tests.

    pip install torch==1.13.1 transformers==4.36.2 timm==0.9.12
    python make_transformer_logits.py > transformer_logits.json

Tensors are filled by a formula that transformers_test.cpp repeats, so that the file holds names, shapes and logits only.
"""
import json
import sys

import numpy as np
import timm
import torch
import transformers


def values(count, seed):
    """Integers scrambled to evenly distributed numbers in -1 .. 1."""
    x = (np.arange(count, dtype=np.uint64) * 2654435761 + seed * 97003 + 12345) % 2**32
    for shift, factor in ((16, 2246822519), (13, 3266489917)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) % 2**32
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2**31 - 1


def fill(model):
    """Matrices keep the size of what they multiply; vectors lie around 1 (weights of norms) or 0."""
    tensors = []
    for seed, (name, tensor) in enumerate(model.named_parameters()):
        value = values(tensor.numel(), seed).reshape(tensor.shape)
        if tensor.dim() == 1:
            value = 0.2 * value + (1 if name.endswith("weight") else 0)
        elif "embed" in name or "wte" in name or "wpe" in name or "_token" in name:
            pass
        else:
            value *= (3 / (tensor.numel() / max(tensor.shape))) ** 0.5 * (1 if tensor.dim() == 2 else 0.5)
        tensor.data.copy_(torch.tensor(value))
        tensors.append([name, list(tensor.shape)])
    model.eval()
    return tensors


def ids(rows, vocabulary, low=3):
    """Rows of token ids from a formula."""
    return [[low + (7 * i * i + 13 * i + 29 * row + 5) % (vocabulary - low) for i in range(n)] for row, n in enumerate(rows)]


def batch_of(rows, vocabulary, padding, types=False):
    longest = max(rows)
    tokens = ids(rows, vocabulary)
    batch = {"input": [t + [padding] * (longest - len(t)) for t in tokens],
             "attention_mask": [[1] * n + [0] * (longest - n) for n in rows]}
    if types:
        batch["token_type"] = [[int(i >= n // 2) if i < n else 0 for i in range(longest)] for n in rows]
    return batch


def text_case(name, network, options, model, batch, config=None):
    tensors = fill(model)
    inputs = {"input_ids": torch.tensor(batch["input"]), "attention_mask": torch.tensor(batch["attention_mask"])}
    if "token_type" in batch:
        inputs["token_type_ids"] = torch.tensor(batch["token_type"])
    with torch.no_grad():
        logits = model(**inputs).logits
    return {"name": name, "network": network, "options": options, "config": config, "tensors": tensors, "batch": batch,
            "shape": list(logits.shape), "logits": [float("%.7g" % v) for v in logits.flatten()]}


def image_case(name, options, model, call):
    tensors = fill(model)
    size = options["image_size"]
    image = torch.tensor(values(2 * 3 * size * size, 1000).reshape(2, 3, size, size), dtype=torch.float32)
    with torch.no_grad():
        logits = call(model, image)
    return {"name": name, "network": "DeiT", "options": options, "config": None, "tensors": tensors, "batch": {},
            "shape": list(logits.shape), "logits": [float("%.7g" % v) for v in logits.flatten()]}


def main():
    cases = []
    bert = transformers.BertConfig(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512, num_labels=3)
    cases.append(text_case("BERT-tiny", "Bert", {"variant": "tiny", "num_classes": 3}, transformers.BertForSequenceClassification(bert),
                           batch_of([12, 5, 9], 30522, 0, types=True)))
    small = {"model_type": "bert", "vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3,
             "intermediate_size": 40, "max_position_embeddings": 20, "type_vocab_size": 3, "layer_norm_eps": 1e-6, "hidden_act": "relu",
             "pad_token_id": 2}
    cases.append(text_case("BERT from a config", "Bert", {"num_classes": 2, "max_length": 20},
                           transformers.BertForSequenceClassification(transformers.BertConfig(**small)), batch_of([20, 1], 61, 2), small))
    small = {"model_type": "roberta", "vocab_size": 71, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
             "intermediate_size": 64, "max_position_embeddings": 24, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
    cases.append(text_case("RoBERTa", "Roberta", {"num_classes": 3, "max_length": 22},
                           transformers.RobertaForSequenceClassification(transformers.RobertaConfig(**small, num_labels=3)),
                           batch_of([22, 7], 71, 1), small))
    small = {"model_type": "gpt2", "vocab_size": 53, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 16}
    config = transformers.GPT2Config(**small, num_labels=3, pad_token_id=0, bos_token_id=1, eos_token_id=0)
    cases.append(text_case("GPT-2", "Gpt2", {"num_classes": 3, "max_length": 16},
                           transformers.GPT2ForSequenceClassification(config), batch_of([16, 6, 1], 53, 0), small))
    cases.append(text_case("GPT-2 as a language model", "Gpt2", {"head": "language_model", "max_length": 16},
                           transformers.GPT2LMHeadModel(config), batch_of([5, 5], 53, 0), small))
    vit = transformers.ViTConfig(hidden_size=192, num_hidden_layers=12, num_attention_heads=3, intermediate_size=768, image_size=48,
                                 layer_norm_eps=1e-12, num_labels=5)
    cases.append(image_case("DeiT-tiny, Hugging Face", {"variant": "tiny", "image_size": 48, "num_classes": 5, "norm_eps": 1e-12},
                            transformers.ViTForImageClassification(vit), lambda model, x: model(pixel_values=x).logits))
    cases.append(image_case("DeiT-tiny, timm", {"variant": "tiny", "image_size": 32, "num_classes": 5},
                            timm.create_model("deit_tiny_patch16_224", img_size=32, num_classes=5), lambda model, x: model(x)))
    json.dump({"made_by": "tests/golden/make_transformer_logits.py", "torch": torch.__version__,
               "transformers": transformers.__version__, "timm": timm.__version__, "cases": cases}, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
