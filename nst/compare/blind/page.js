const data = JSON.parse(document.getElementById("data").textContent);
const element = id => document.getElementById(id);
const questions = Object.entries(data.questions);

const shuffled = list => {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
};
const pairs = shuffled(data.pairs).map(shuffled); // which pair, and which of it is on the left
const votes = [];
let saved = 0;

const show = () => {
  const pair = pairs[Math.floor(votes.length / questions.length)];
  document.body.classList.toggle("done", !pair);
  const total = pairs.length * questions.length;
  element("progress").textContent = `${votes.length} of ${total} answers, ${saved} saved`;
  element("question").textContent = pair ? questions[votes.length % questions.length][1] : "That was the last pair. Thank you; please save.";
  if (!pair) return;
  ["left", "right"].forEach((side, i) => { element(side).firstElementChild.src = data.pictures[pair[i]].image; });
  for (const role of ["content", "style"]) {
    const images = data.pictures[pair[0]][role].map(index => Object.assign(new Image(), { src: data.sources[index], alt: role }));
    element(role).replaceChildren(...images);
  }
};

const answer = choice => {
  const pair = pairs[Math.floor(votes.length / questions.length)];
  if (!pair) return;
  const question = questions[votes.length % questions.length][0];
  votes.push({ question, left: pair[0], right: pair[1], answer: choice });
  show();
};

const back = () => { votes.pop(); saved = Math.min(saved, votes.length); show(); };

const results = () => JSON.stringify({ format: "nst votes 1", votes }, null, 1);

const save = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([results()], { type: "application/json" }));
  link.download = "votes.json";
  link.click();
  saved = votes.length;
  show();
};

element("left").addEventListener("click", () => answer("left"));
element("right").addEventListener("click", () => answer("right"));
element("equal").addEventListener("click", () => answer("equal"));
element("back").addEventListener("click", back);
element("save").addEventListener("click", save);
document.addEventListener("keydown", event => {
  const act = { ArrowLeft: () => answer("left"), ArrowRight: () => answer("right"), "=": () => answer("equal"), Backspace: back }[event.key];
  if (!act || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
addEventListener("beforeunload", event => { if (votes.length > saved) event.preventDefault(); });
show();
