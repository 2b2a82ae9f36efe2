package org.longform.prompt;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;
import org.longform.tokenizer.ModelFile;
import org.longform.tokenizer.ModelFiles;

/** Where models keep their chat template. */
public final class ChatTemplateFile {
  private static final String FILE = "chat_template.jinja";
  private static final String CONFIG = "tokenizer_config.json";
  private static final String FIELD = "chat_template";

  private ChatTemplateFile() {}

  /** {@code chat_template.jinja}, else the field of {@code tokenizer_config.json}. */
  public static Optional<String> find(ModelFiles files) {
    return files
        .find(FILE)
        .map(ModelFile::text)
        .or(() -> files.find(CONFIG).flatMap(ChatTemplateFile::field));
  }

  /** The file that {@link #find} takes it from. */
  static Optional<String> source(ModelFiles files) {
    if (files.find(FILE).isPresent()) {
      return Optional.of(FILE);
    }
    return files
        .find(CONFIG)
        .filter(file -> field(file).isPresent())
        // a GGUF file is one for all
        .map(file -> file.path().getFileName().toString());
  }

  // one text, or a list of {name, template} of which "default" is the one for plain chats
  private static Optional<String> field(ModelFile file) {
    JsonNode node = file.jsonObject().path(FIELD);
    if (node.isMissingNode() || node.isNull()) {
      return Optional.empty();
    }
    if (node.isTextual()) {
      return Optional.of(node.textValue());
    }
    for (JsonNode each : node) {
      if (each.path("name").asText().equals("default") && each.path("template").isTextual()) {
        return Optional.of(each.path("template").textValue());
      }
    }
    throw file.invalid(FIELD + " must be a text or a list with a template named 'default'");
  }
}
