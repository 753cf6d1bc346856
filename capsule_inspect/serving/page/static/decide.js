// Decisions: what a row says at a threshold, as `predict` decides.

export const GOOD = "good";

/**
 * Decides on a row that the server gave at threshold 0, so with the likeliest defect: the capsule
 * is good exactly where its defect score is below the threshold.
 */
export function decide(row, threshold) {
  if (row.status !== "ok") return row;
  if (row.defect_score >= threshold) return { ...row, threshold };
  const none = row.defect_area_px === null ? null : 0; // null: the model makes no masks
  const confidence = 1 - row.defect_score;
  return { ...row, threshold, label: GOOD, confidence, defect_area_px: none, defect_area_pct: none };
}

export const isDefect = (row) => row.status === "ok" && row.label !== GOOD;

/** Returns what a filter calls a row: its label, or why it has none. */
export const kindOf = (row) => (row.status === "ok" ? row.label : row.status);

/** Returns the row of a picture that got none from the server. */
export const errorRow = (path, error) => ({ path, status: "error", error });
