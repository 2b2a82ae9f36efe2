package org.longform.kernels.cache;

/** Tokens of which only those before and behind the ones that a device chose are known. */
public record ChosenRows(Rows before, RowChoice choice, Rows behind) {

  /** How many tokens are known. */
  public long known() {
    return before.count(0) + behind.count(0);
  }

  Rows told() {
    return choice.told().between(before, behind);
  }

  Rows outline() {
    return Rows.range(choice.from(), choice.to()).between(before, behind);
  }

  ChosenRows between(Rows further, Rows last) {
    return new ChosenRows(
        before.between(further, Rows.none()), choice, behind.between(Rows.none(), last));
  }
}
