// The model: what the page says of it, and the rates to expect of it.

import { make } from "./dom.js";

const RATES = {
  false_alarm_rate: "of good pictures called defective",
  miss_rate: "of defects missed",
};

/** Returns the facts about a model as the parts of a `dl`. */
export function aboutModel({ sha256, runtime, metadata }) {
  const { roi } = metadata;
  const facts = [
    ["Version", `${metadata.created_with}, format ${metadata.format_version}`],
    ["SHA-256", make("code", {}, sha256)],
    ["Quantization", metadata.quantization],
    ["Classes", metadata.classes.join(", ")],
    ["Looks at", `${roi.mode === "capsule" ? "each capsule" : "whole pictures"}, ${roi.width} × ${roi.height} px`],
    ["Measured on", metadata.measured_on],
    ["Licence", metadata.licence],
    ["Runs on", runtime],
  ];
  return facts.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
}

/** Says which rates to expect, and that they hold at the model's own threshold only. */
export function spellExpected(point, threshold) {
  const rates = point.expected.filter((rate) => RATES[rate.name]).map(spellRate);
  const own = point.threshold.toFixed(3);
  if (!rates.length) return "The model file does not say which rates to expect.";
  const expected = `at its own threshold, ${own}, expect ${rates.join(" and ")}.`;
  if (threshold === point.threshold) return `The model's: ${expected}`;
  return `Moved: what to expect here was not measured. The model's rates hold ${expected}`;
}

function spellRate({ name, value, low, high }) {
  const interval = low === null || high === null ? "" : ` (${percent(low)} to ${percent(high)})`;
  return `${percent(value)}${interval} ${RATES[name]}`;
}

const percent = (share) => `${(100 * share).toFixed(1)}%`;
