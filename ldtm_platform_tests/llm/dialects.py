"""The same turn as each server says it: llama.cpp, vLLM, Ollama, TensorRT-LLM, and what else has been seen."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ldtm_platform_tests.llm.model_server import Call, Reply, chunk, event

DONE = event("[DONE]")
USAGE = event({"object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 7}})


def pieces(text: str, size: int = 7) -> list[str]:
    """A text in small parts, as tokens come."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def vllm(text: str, calls: Sequence[Call] = ()) -> Reply:
    """Deltas with index and id, arguments in parts, usage in a last chunk without choices."""
    said = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": part}) for part in pieces(text))]
    for at, call in enumerate(calls):
        head = {"index": at, "id": f"chatcmpl-tool-{at}", "type": "function", "function": {"name": call.name}}
        said.append(chunk({"tool_calls": [head]}))
        parts = pieces(json.dumps(call.arguments), 5)
        said += [chunk({"tool_calls": [{"index": at, "function": {"arguments": part}}]}) for part in parts]
    said.append(chunk({}, "tool_calls" if calls else "stop"))
    return Reply([*map(event, said), USAGE, DONE])


def llamacpp(text: str, calls: Sequence[Call] = ()) -> Reply:
    """A null content first, the name and the arguments' beginning together, comments between, CRLF."""
    said: list[bytes] = [b": keep-alive\r\n\r\n", event(chunk({"role": "assistant", "content": None}), newline="\r\n")]
    said += [event(chunk({"content": part}), newline="\r\n") for part in pieces(text)]
    for at, call in enumerate(calls):
        first, *rest = pieces(json.dumps(call.arguments), 9)
        head = {"index": at, "id": f"id{at}", "type": "function", "function": {"name": call.name, "arguments": first}}
        said.append(event(chunk({"tool_calls": [head]}), newline="\r\n"))
        for part in rest:
            tail = {"index": at, "function": {"arguments": part}}
            said.append(event(chunk({"tool_calls": [tail]}), newline="\r\n"))
    said.append(event(chunk({}, "tool_calls" if calls else "stop"), newline="\r\n"))
    return Reply([*said, event("[DONE]", newline="\r\n")])


def ollama(text: str, calls: Sequence[Call] = ()) -> Reply:
    """Whole calls, every one with index 0; finish_reason stop; the connection is closed."""
    said = [chunk({"role": "assistant", "content": part}) for part in pieces(text)]
    for at, call in enumerate(calls):
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        said.append(chunk({"content": "", "tool_calls": [{"index": 0, "id": f"call_x{at}", "function": function}]}))
    said.append(chunk({"content": ""}, "stop"))
    return Reply([*map(event, said), DONE], framing="close")


def tensorrt(text: str, calls: Sequence[Call] = ()) -> Reply:
    """No [DONE], no index, arguments as an object, an empty choices chunk in the middle."""
    said = [chunk({"role": "assistant"}), {"choices": []}, *(chunk({"content": part}) for part in pieces(text))]
    made = [{"function": {"name": call.name, "arguments": call.arguments}} for call in calls]
    said += [chunk({"tool_calls": [function]}) for function in made]
    said.append(chunk({}, "stop"))
    return Reply([event(each) for each in said])


def thinking(text: str, calls: Sequence[Call] = ()) -> Reply:
    """Thoughts in a field of their own and between marks, then as vLLM."""
    thoughts = [event(chunk({"reasoning_content": "AMD 7777 "})), event(chunk({"reasoning": "or 8888"}))]
    return Reply([*thoughts, *vllm(f"<think>maybe 9999</think>{text}", calls).parts])


def whole(text: str, calls: Sequence[Call] = ()) -> Reply:
    """A server that ignores `stream`."""
    made = [{"id": f"c{at}", "function": {"name": c.name, "arguments": c.arguments}} for at, c in enumerate(calls)]
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "tool_calls": made or None}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}}
    return Reply([json.dumps(body).encode()], kind="application/json; charset=utf-8")


def parts_of_content(text: str, calls: Sequence[Call] = ()) -> Reply:
    """Contents as lists of parts, calls in pieces without id and index, another content type."""
    said = [chunk({"content": [{"type": "text", "text": part}]}) for part in pieces(text)]
    for call in calls:
        said.append(chunk({"tool_calls": [{"function": {"name": call.name, "arguments": ""}}]}))
        said += [chunk({"tool_calls": [{"function": {"arguments": p}}]}) for p in pieces(json.dumps(call.arguments), 8)]
    return Reply([*(event(each) for each in said), event(chunk(None, "stop")), DONE], kind="text/plain")


def split_anywhere(text: str, calls: Sequence[Call] = ()) -> Reply:
    """Bytes that arrive one by one, in the middle of letters and of lines."""
    stream = b"".join(part for part in vllm(text, calls).parts if isinstance(part, bytes))
    return Reply([stream[at : at + 1] for at in range(len(stream))])


def legacy(text: str, calls: Sequence[Call] = ()) -> Reply:
    """The old function_call: one call a turn."""
    said = [chunk({"content": part}) for part in pieces(text)]
    made = [{"name": call.name, "arguments": json.dumps(call.arguments)} for call in calls[:1]]
    said += [chunk({"function_call": function}) for function in made]
    return Reply([*(event(each) for each in said), event(chunk({}, "stop")), DONE])


def text_calls(template: str) -> Callable[[str, Sequence[Call]], Reply]:
    """A server that hands the model's own notation through as text."""

    def say(text: str, calls: Sequence[Call] = ()) -> Reply:
        written = "\n".join(template % json.dumps({"name": c.name, "arguments": c.arguments}) for c in calls)
        return vllm(written or text)

    return say


Dialect = Callable[[str, Sequence[Call]], Reply]
DIALECTS: Mapping[str, Dialect] = {
    "vllm": vllm,
    "llamacpp": llamacpp,
    "ollama": ollama,
    "tensorrt": tensorrt,
    "thinking": thinking,
    "whole": whole,
    "parts": parts_of_content,
    "split": split_anywhere,
    "hermes": text_calls("<tool_call>\n%s\n</tool_call>"),
    "mistral": text_calls("[TOOL_CALLS][%s]"),
    "llama3": text_calls("<|python_tag|>%s<|eom_id|>"),
    "fenced": text_calls("```json\n%s\n```"),
    "bare": text_calls("%s"),
}


def many(count: int) -> Iterator[bytes]:
    """An endless answer, of so many events."""
    for _ in range(count):
        yield event(chunk({"content": "x" * 900}))
