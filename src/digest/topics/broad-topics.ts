// Topics that people type and hardly any paper says: a field of research, or a word that every
// other abstract holds. What makes a paper one of them is how often its title and abstract use the
// words of the topic, named here by how much each of them says.
// Long because it is one table, topic by topic.

export interface BroadTopic {
  /**
   * What people type, any of which means the topic. Each says much, unless it is among `little`; a
   * paper that holds one without being of the topic mentions it.
   */
  names: readonly string[]
  /** Says much: hardly another paper uses it. `*bench` is any word that ends so. */
  much: readonly string[]
  /** Says little: papers of other topics use it as well. */
  little?: readonly string[]
  /** Says most where an abstract says that it was made: "we introduce …, a benchmark". */
  made?: readonly string[]
  /** Says that a paper is about something else, although it uses the words of the topic. */
  unless?: readonly string[]
  /** Phrases that hold a word from above and mean something else: they are not read. */
  but?: readonly string[]
  /** What all of these have to weigh together: the more, the more other papers use them too. */
  enough: number
}

const list = (words: string) => words.split(',').map((word) => word.trim())

export const BROAD_TOPICS: readonly BroadTopic[] = [
  {
    names: ['NLP', 'natural language processing', 'computational linguistics'],
    much: list(`machine translation, named entity recognition, sentiment analysis, text classification,
      summarization, information extraction, dialogue, low-resource language, text-to-SQL, multilingual,
      cross-lingual, crosslingual, text simplification, paraphrasing, entity linking, coreference,
      semantic parsing, natural language inference, speech translation, fact-checking, fact verification,
      relation extraction, event extraction, reading comprehension, multiword expression, code-switching,
      grammatical error, topic modeling, stance detection, language identification, word embedding, linguistic,
      LLM, language model, authorship, text retrieval, dense retrieval, passage retrieval, document retrieval,
      information retrieval, reranking, question answering, retrieval-augmented generation, RAG,
      text generation, instruction tuning, instruction following, perplexity, MMLU, LRM, large reasoning model,
      reasoning model, long-context, in-context learning, GSM8K, MATH500, dLLM, Llama, Gemma, Mistral, Pythia,
      AIME, GPQA, RLVR, RLHF, conversation, chatbot, story, persona, essay, textual, sentence, claim, fact,
      tokenizer, factuality, next-token, embedder, lexical, syntactic, dialect, BERT, LMs, speculative decoding`),
    little: list(`reasoning, translation, conversational, language, writing, thinking, in-context, Qwen, Qwen2,
      Qwen3, DeepSeek, tokenization, token, attention, transformer, mixture-of-experts, MoE, pretraining,
      post-training, self-distillation, on-policy distillation, policy optimization, GRPO, DPO, math,
      mathematical, memorization, retrieval, text, document, judge, moral, persuasion, debate, legal, response,
      downstream, hallucination, bilingual, prompting, verification, English, Chinese, Arabic, Wikipedia, SFT,
      logit, divergence, hidden state, smaller model, mathematics, low-resource, model size, verifiable reward`),
    unless: list(`vision, visual, image, video, 3D, pixel, GUI, VLM, LVLM, MLLM, omni-modal, multimodal,
      multi-modal, audio, speech, text-to-speech, TTS, music, robot, embodied, navigation, agent, agentic,
      tool use, programming, software, code, coder, recommendation, recommender, protein, molecule, molecular,
      genomic, DNA, time series, forecasting, tabular, world model, diffusion transformer, diffusion model,
      flow matching, mesh, mobility, motion, driving, document parsing, GPU, kernel, compiler, MCP,
      computer use, multiagent, terminal, website, webpage, unit test, multimodal large language model,
      video LLM, action, engineering, tool-integrated, theorem`),
    but: list(`vision-language model, visual language model, audio-language model, video language model,
      multilingual corpus, multilingual GUI, multilingual code, multilingual software, bench multilingual,
      prompt injection, dataset distillation`),
    enough: 2,
  },
  {
    names: ['computer vision', 'CV', 'vision'],
    much: list(`image, video, visual, 3D, 4D, pixel, segmentation, OCR, ViT, rendering, camera, scene, sketch,
      inpainting, avatar, style transfer, optical flow, document parsing, egocentric, VQA, talking head, MLLM,
      LVLM, multimodal large language model, photo, RGB, X-ray, MRI, chart, animation, text-to-image,
      text-to-video, object detection, depth estimation, pose estimation, ImageNet, Gaussian splatting,
      neural radiance field, novel view synthesis, point cloud, mesh generation, monocular, stereo, LiDAR,
      keypoint, SVG, CAD, super-resolution, texture, photorealistic, novel view`),
    little: list(`motion, spatial, multimodal, multi-modal, world model, diffusion model, storyboard, mesh,
      vision, VLM, vision-language model, frame, geometry, fidelity, appearance, generative model, visually,
      layout, background`),
    unless: list(`GUI`),
    but: list(`visualization, visualizing, vision-language-action, 3D parallelism, visual programming,
      visual studio, motion sensor, multi-modal recommendation`),
    enough: 6,
  },
  {
    names: ['efficiency', 'efficient'],
    much: list(`speculative decoding, model compression, token pruning, quantization, inference efficiency,
      inference acceleration, inference speedup, KV cache, pruning, sparse attention, linear attention, low-bit,
      token reduction, speedup, speed-up, throughput, latency, pipeline parallelism, tensor parallelism,
      3D parallelism, FLOP, FP4, NVFP4, memory footprint, memory usage, memory consumption, GPU memory,
      token compression, token merging, compression, edge device, on-device, hardware acceleration, early exit,
      few-step, GPU utilization, efficient reasoning, overthinking, memory-efficient, quadratic complexity,
      redundancy, redundant, offload, parallel decoding, computational cost, computational overhead,
      computational burden, inference cost, training cost, token budget, wall-clock, compute budget, GPU hour,
      inference speed, decoding speed, token consumption, compute cost, accuracy-efficiency,
      training efficiency, skip, FlashAttention, INT8, 4-bit, 2-bit, subquadratic, linear-time,
      resource-constrained, prefill, bit-width, parallelism, hardware`),
    little: list(`fast, accelerate, cost, compute-optimal, test-time compute, cheap, speed, tiny, overhead,
      caching, computational, quadratic, lightweight, self-attention, GPU, low-rank, LoRA, state space model,
      knowledge distillation, computation, reduction, speculative, full attention, Pareto, footprint, NVIDIA,
      kernel, efficient, efficiency, faster`),
    but: list(`sample efficiency, sample-efficient, vector quantization, scalar quantization, binary quantization,
      residual quantization, fast weight, fast and slow, fast-slow`),
    enough: 7,
  },
  {
    names: ['medical', 'medicine', 'medical AI', 'clinical', 'healthcare', 'health', 'biomedical'],
    much: list(`radiology, radiologist, electronic health record, clinician, histopathology, physician,
      electrocardiogram, computed tomography, patient, disease, cancer, tumor, surgical, surgery, MRI,
      chest X-ray, ECG, EEG, mental health, psychiatric, psychotherapy, pharmaceutical, ultrasound, oncology,
      pathology, nursing, hospital, doctor, dental, retinal, dermatology, lesion, anatomical, cardiac,
      therapeutic, drug, surgeon, endoscopic, mammography, medication, clinically`),
    little: list(`diagnosis, epidemic, therapy, well-being, symptom, tissue`),
    but: list(`crop disease, plant disease, cognitive diagnosis, disease category, fault diagnosis, error diagnosis,
      failure diagnosis, tokenizer surgery, model surgery`),
    enough: 5,
  },
  {
    names: ['safety', 'AI safety', 'LLM safety', 'model safety', 'security'],
    much: list(`jailbreak, jailbroken, red teaming, prompt injection, backdoor, adversarial attack, harmful,
      harm, harmless, membership inference, cybersecurity, misalignment, misaligned, unlearning, data poisoning,
      deceptive, watermark, privacy, toxicity, toxic, guardrail, safeguard, copyright, malicious, deepfake,
      adversarial prompt, vulnerability, PII, deception, social bias, bias mitigation, sycophancy, sabotage,
      adversarial robustness, adversarial example, attack, attacker, adversary, refusal, misuse, AI governance,
      AI ethics, responsible AI, fairness, stereotype, content moderation, hate speech, disinformation,
      sandbagging, scalable oversight, AI control, phishing, malware, spoofing, exfiltration, alignment faking,
      tampering, threat, unsafe, safe, secure, dangerous, trustworthiness, monitorability, catastrophic risk,
      reward hacking, compliance, CBRN, misbehavior, benign, accountability`),
    little: list(`risk, adversarial, poisoning, defense, trust, bias, ethic, moral, governance, protection,
      persuasion, hijack, oversight, monitoring, audit, policy adherence, misinformation, leakage, exploit,
      safely, violation, guard, protect, sensitive`),
    but: list(`inductive bias, position bias, positional bias, length bias, bias term, trust region,
      adversarial network, adversarial training, generative adversarial, adversarial distillation, code safety,
      memory safety, type safety, safety guarantee, safety-critical system`),
    enough: 9,
  },
  {
    names: ['audio', 'speech', 'sound', 'music'],
    much: list(`spoken, voice, acoustic, singing, speaker, song, audio-visual, waveform, spectrogram, vocal,
      ASR, melody, lyrics, phoneme, prosody, dubbing, audiovisual, diarization`),
    little: list(`TTS`),
    unless: list(`animation, avatar, talking head, portrait`),
    but: list(`free speech, hate speech, part of speech`),
    enough: 5,
  },
  {
    names: ['data', 'dataset', 'benchmark'],
    much: list(`*bench, data curation, data selection, data synthesis, synthetic data, data mixture,
      data engine, data filtering, instruction data, pretraining data, leaderboard, arena, testbed,
      data quality, data generation, high-quality data, dataset construction`),
    little: list(`data, evaluating, assessing, gym, annotated, curated, corpus, training data, data-centric,
      question-answer pair, annotator, QA pair`),
    made: list(`benchmark, *bench, dataset, *dataset, testbed, data synthesis, data pipeline, training data,
      test suite, evaluation suite, data engine, corpus`),
    unless: list(`policy optimization, verifiable reward`),
    but: list(`data augmentation, data poisoning, data distribution, zero data, data structure,
      data parallelism, data-pipeline parallelism, data science, data agent, data-driven, sparse data,
      without data, data-free, limited data, data center, big data`),
    enough: 9,
  },
  {
    names: ['reasoning'],
    much: list(`theorem proving, autoformalization, proof, theorem, AIME, mathematical, reasoner, overthinking,
      RLVR, GSM8K, MATH500, reasoning benchmark, reasoning model, reasoning task, olympiad, deductive, ARC-AGI,
      puzzle`),
    little: list(`think, thought, GRPO, verifiable reward, solve, solver, correct, CoT, chain-of-thought, math,
      logical, problem, test-time scaling, symbolic, GPQA, step-by-step, cold-start, mathematics, entropy,
      DeepSeek-R1, intermediate step`),
    unless: list(`software, user`),
    but: list(`agentic thinking, design thinking, rethinking, audio-visual reasoning`),
    enough: 9,
  },
  {
    names: ['agent', 'AI agent', 'LLM agent', 'agentic', 'autonomous agent'],
    much: list(`tool use, tool call, MCP, deep research, computer use, multi-agent, tool-integrated, GUI,
      harness, skill, OSWorld, WebArena, BrowseComp, function calling, GAIA, autonomously`),
    little: list(`tool, workflow, autonomous, orchestration, planner, environment, execute, computer,
      user interface, SWE, self-evolving, experience, web, UI`),
    unless: list(`diffusion, world modeling, vision-language-action, voice, persona`),
    but: list(`agent-centric, agentic resampling, agentic autonomy, chemical agent, contrast agent`),
    enough: 8,
  },
  {
    names: ['code', 'programming', 'source code'],
    much: list(`software, program synthesis, program repair, coder, SWE, bug, codebase, verilog, SQL, unit test,
      compiler, programmer, kernel generation, programming language, pull request, HumanEval, LiveCodeBench`),
    little: list(`program, repository, developer, test case, Python, correctness, compilation, syntax,
      pass rate, commit`),
    but: list(`video coding, image coding, multi-modal coding, neural coding, predictive coding, sparse coding,
      entropy coding, code-switching, code switching, linear program`),
    unless: list(`codec, bitrate, reasoning`),
    enough: 7,
  },
  {
    names: ['robotics', 'robot', 'robot learning', 'humanoid'],
    much: list(`visuomotor, VLA, world action model, vision-language-action, dexterous, locomotion, quadruped,
      sim-to-real, teleoperation, aerial vehicle, quadrotor, legged, gripper, bimanual, VLN, drone, UAV,
      embodied, embodiment, manipulation, manipulator, navigation, grasping, tactile, contact-rich, LIBERO,
      SimplerEnv, end-effector, MAV, physical AI`),
    little: list(`action`),
    but: list(`robotic process automation, policy optimization, policy gradient`),
    unless: list(`autonomous driving, self-driving, autonomous vehicle, GUI, Minecraft, video game,
      video generation, 3D character`),
    enough: 9,
  },
  {
    names: ['RL', 'reinforcement learning'],
    much: list(`GRPO, group relative policy optimization, RLVR, verifiable reward, policy gradient,
      policy optimization, reinforcement fine-tuning, reinforcement finetuning, RFT, PPO, self-rewarding,
      Q-learning, actor-critic, off-policy, self-play, reinforce, RLHF, DAPO, GSPO, RLAIF`),
    little: list(`reward, bandit, preference optimization, credit assignment, cold-start, learning signal`),
    unless: list(`benchmark for, video generation`),
    but: list(`direct preference optimization`),
    enough: 4,
  },
]
