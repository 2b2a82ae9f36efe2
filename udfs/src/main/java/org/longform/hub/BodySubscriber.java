package org.longform.hub;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicLong;

/** Hands a body on, one part after the other, and tells when something arrived. */
final class BodySubscriber implements HttpResponse.BodySubscriber<Void> {
  private final CompletableFuture<Void> end = new CompletableFuture<>();
  private final BodyTaker taker;
  private final AtomicLong lastNanos;
  private Flow.Subscription subscription;

  /**
   * @param lastNanos set to the time of each arrival
   */
  BodySubscriber(BodyTaker taker, AtomicLong lastNanos) {
    this.taker = taker;
    this.lastNanos = lastNanos;
  }

  @Override
  public CompletionStage<Void> getBody() {
    return end;
  }

  @Override
  public void onSubscribe(Flow.Subscription given) {
    subscription = given;
    if (end.isDone()) {
      given.cancel();
    } else {
      given.request(1);
    }
  }

  @Override
  public void onNext(List<ByteBuffer> parts) {
    lastNanos.set(System.nanoTime());
    try {
      for (ByteBuffer part : parts) {
        taker.accept(part);
      }
      subscription.request(1);
    } catch (IOException | RuntimeException e) {
      subscription.cancel();
      end.completeExceptionally(e);
    }
  }

  @Override
  public void onError(Throwable failure) {
    end.completeExceptionally(failure);
  }

  @Override
  public void onComplete() {
    end.complete(null);
  }

  /** Takes nothing: the subscription ends with the failure. */
  static HttpResponse.BodySubscriber<Void> failed(Throwable failure) {
    BodySubscriber none = new BodySubscriber(new BodyTaker.InMemory(0), new AtomicLong());
    none.end.completeExceptionally(failure);
    return none;
  }
}
