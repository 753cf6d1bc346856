// Decisions: what a row says at a threshold, as `predict` decides.

export const GOOD = "good";

/** What a row says of a defect without a pixel; of a good capsule it says nothing. */
const NO_OUTLINE = "The model calls it defective but outlines nothing: no pixel is sure enough.";

/**
 * Decides on a row that the server gave at threshold 0, so with the likeliest defect: the capsule
 * is good exactly where its defect score is below the threshold. Nobody reviews, as with
 * `predict --threshold`.
 */
export function decide(row, threshold) {
  if (row.status !== "ok") return row;
  if (row.defect_score >= threshold) return { ...row, threshold };
  const none = row.defect_area_px === null ? null : 0; // null: the model makes no masks
  // Six significant digits, as `predict` writes them.
  const confidence = Number((1 - row.defect_score).toPrecision(6));
  const warning = row.warning.replace(NO_OUTLINE, "").trim();
  const areas = { defect_area_px: none, defect_area_pct: none };
  return { ...row, threshold, label: GOOD, confidence, warning, decision: "accept", ...areas };
}

export const isDefect = (row) => row.status === "ok" && row.label !== GOOD;

/** Returns what a filter calls a row: its label, or why it has none. */
export const kindOf = (row) => (row.status === "ok" ? row.label : row.status);

/** Returns the row of a picture that got none from the server. */
export const errorRow = (path, error) => ({ path, status: "error", error });
