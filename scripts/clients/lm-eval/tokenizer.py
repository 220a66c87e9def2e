"""Writes the tokenizer of a GGUF file with a vocabulary of GPT-2's kind as a folder that `transformers` reads.

Usage: tokenizer.py MODEL.gguf FOLDER
"""

import sys

from gguf import GGUFReader
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

source, folder = sys.argv[1:]
fields = GGUFReader(source).fields


def texts(name):
    return [bytes(fields[name].parts[part]).decode() for part in fields[name].data]


tokens = texts("tokenizer.ggml.tokens")
merges = [tuple(merge.split(" ")) for merge in texts("tokenizer.ggml.merges")]
tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
tokenizer.decoder = decoders.ByteLevel()
(end,) = fields["tokenizer.ggml.eos_token_id"].parts[-1]
PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=tokens[end], bos_token=tokens[end]).save_pretrained(folder)
