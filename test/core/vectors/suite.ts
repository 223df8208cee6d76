/** A published case, or one made by rule. */
export interface Vector {
  id: string;
  valid: boolean;
  judge: () => boolean | Promise<boolean>;
  /** Why Picket judges otherwise than published. */
  otherwise?: string | undefined;
}

export interface Suite {
  name: string;
  /** What judges it. */
  by: string;
  /** As published; they are checked, so that no suite shrinks unseen. */
  valid: number;
  invalid: number;
  /** null = the corpus is not here. */
  read: () => Promise<Vector[] | null> | Vector[] | null;
}

export interface Tally {
  valid: number;
  invalid: number;
  accepted: number;
  refused: number;
  /** Reasons of the cases that are judged otherwise, with their ids. */
  otherwise: Map<string, string[]>;
  /** Judged otherwise without a reason, or as published in spite of one. */
  wrong: string[];
}

/** null = the suite's corpus is not here. */
export async function judgeSuite({ read }: Suite): Promise<Tally | null> {
  const vectors = await read();
  if (vectors === null) return null;
  const tally: Tally = { valid: 0, invalid: 0, accepted: 0, refused: 0, otherwise: new Map(), wrong: [] };
  for (const { id, valid, judge, otherwise } of vectors) {
    const accepted = await judge();
    tally[valid ? "valid" : "invalid"]++;
    if (accepted === valid) tally[valid ? "accepted" : "refused"]++;
    if ((accepted === valid) !== (otherwise === undefined)) tally.wrong.push(`${id}: ${accepted ? "accepted" : "refused"}`);
    else if (otherwise !== undefined) tally.otherwise.set(otherwise, [...(tally.otherwise.get(otherwise) ?? []), id]);
  }
  return tally;
}

export function absenceText({ name, by, valid, invalid }: Suite): string {
  return `${name}, by ${by}: not here (PICKET_CORPORA), ${valid + invalid} cases are not judged\n`;
}
