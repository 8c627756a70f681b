// The picture of the server's camera, with its boxes drawn by the server.

export class ServerPicture {
  constructor(image, { onPicture }) {
    this.image = image;
    this.count = 0;
    this.wanted = false;
    this.keepWhenHidden = () => false;
    image.addEventListener("load", onPicture);
    // Nobody looks at a hidden tab: the server need not draw and encode for it.
    document.addEventListener("visibilitychange", () => this.#turn());
  }

  start() {
    this.wanted = true;
    this.image.hidden = false;
    this.#turn();
  }

  stop() {
    this.wanted = false;
  }

  #turn() {
    const shown = this.wanted && (!document.hidden || this.keepWhenHidden());
    if (shown) {
      // A new number each time: browsers join the stream that has just ended if the address is the same.
      this.count += 1;
      this.image.src = `/stream.mjpg?${this.count}`;
    } else if (this.wanted) {
      this.image.removeAttribute("src");
    }
  }

  get size() {
    return [this.image.naturalWidth, this.image.naturalHeight];
  }

  paint(context) {
    context.drawImage(this.image, 0, 0);
  }
}
