package org.longform.prompt.jinja;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The variable {@code loop}: where a loop stands. */
final class Loop {
  private static final Map<String, Function<Loop, Object>> ATTRIBUTES =
      Map.ofEntries(
          Map.entry("index", loop -> loop.index + 1L),
          Map.entry("index0", loop -> (long) loop.index),
          Map.entry("revindex", loop -> (long) loop.items.size() - loop.index),
          Map.entry("revindex0", loop -> loop.items.size() - loop.index - 1L),
          Map.entry("first", loop -> loop.index == 0),
          Map.entry("last", loop -> loop.index == loop.items.size() - 1),
          Map.entry("length", loop -> (long) loop.items.size()),
          // these count the calls of recursive loops, which are not supported
          Map.entry("depth", loop -> 1L),
          Map.entry("depth0", loop -> 0L),
          Map.entry("previtem", loop -> loop.neighbour(-1)),
          Map.entry("nextitem", loop -> loop.neighbour(1)),
          Map.entry("cycle", loop -> (TemplateFunction) loop::cycle),
          Map.entry("changed", loop -> (TemplateFunction) loop::changed));

  private final List<Object> items;
  private int index;
  private Optional<List<Object>> last = Optional.empty();

  Loop(List<Object> items) {
    this.items = items;
  }

  void moveTo(int place) {
    index = place;
  }

  Object get(String name) {
    Function<Loop, Object> attribute = ATTRIBUTES.get(name);
    return attribute == null
        ? new Undefined("attribute '%s' of the loop".formatted(name))
        : attribute.apply(this);
  }

  private Object neighbour(int step) {
    int place = index + step;
    return place < 0 || place >= items.size()
        ? new Undefined("the item beside the loop's")
        : items.get(place);
  }

  private Object cycle(Arguments arguments, Rendering rendering) {
    if (arguments.size() == 0) {
      throw new TemplateFailure("loop.cycle has nothing to choose from");
    }
    return arguments.positional().get(index % arguments.size());
  }

  private Object changed(Arguments arguments, Rendering rendering) {
    boolean same = last.isPresent() && Values.equal(last.get(), arguments.positional(), rendering);
    last = Optional.of(arguments.positional());
    return !same;
  }
}
