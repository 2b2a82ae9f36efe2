package org.longform.read;

import java.util.List;

/**
 * One question asked of a document.
 *
 * @param ask the call it belongs to
 * @param header what all answers of the call have in common
 * @param text of the question, empty where the task has none
 * @param answers where its answer goes, after those of the questions before it
 */
record Question(Ask ask, AnswerHeader header, String text, List<Answer> answers) {}
