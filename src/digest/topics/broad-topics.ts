// Topics that people type and hardly any paper says: a field of research, or a word that every
// other abstract holds. What makes a paper one of them is named here by how much it tells, from
// what such papers have in their titles, keywords and abstracts. Telling ones: a word that half of
// all papers hold finds half of all papers.
// Long because it is one table, topic by topic.

export interface BroadTopic {
  /**
   * What people type, any of which means the topic. Each counts in titles and keywords; in an
   * abstract alone it is a mention.
   */
  names: readonly string[]
  /**
   * A name counts in the keywords only where it is all of one: some `multimodal reasoning` or
   * `GAIA benchmark` is among those of every other paper.
   */
  whole?: true
  /**
   * Tells wherever it stands, an abstract included: what no abstract says in passing, unless once
   * and near the end, among the tasks on which something was tried.
   */
  telling?: readonly string[]
  /** Tells in titles, and in keywords where the abstract says it or its like twice. */
  named?: readonly string[]
  /**
   * Tells in titles only, where keywords or abstract have another word of the topic. `*bench` is
   * any word that ends so.
   */
  titled?: readonly string[]
  /** Tells where an abstract says that it was made: "we introduce …, a benchmark". */
  made?: readonly string[]
  /**
   * Tell together: an abstract that says three of them, or one of them three times, and begins to
   * where it tells what is the matter.
   */
  often?: readonly string[]
  /** Phrases that hold a word from above and mean something else: they are not read. */
  but?: readonly string[]
  /**
   * With one of these in its title, or several in its abstract (fewer where its keywords have
   * one), a paper is of this topic only by what tells, or by what is named in a title that has none
   * of them.
   */
  unless?: readonly string[]
  /** With one of these in its title a paper is not of this topic, whatever else tells it. */
  not?: readonly string[]
}

const OTHER_SENSES = [
  ...['vision', 'visual', 'image', 'video', '3D', 'pixel', 'GUI', 'VLM', 'LVLM', 'MLLM', 'omni-modal'],
  ...[
    'multimodal',
    'multi-modal',
    'audio',
    'speech',
    'text-to-speech',
    'TTS',
    'music',
    'robot',
    'embodied',
    'navigation',
  ],
]

export const BROAD_TOPICS: readonly BroadTopic[] = [
  {
    names: ['NLP', 'natural language processing', 'computational linguistics'],
    telling: [
      ...['machine translation', 'named entity recognition', 'sentiment analysis', 'text classification'],
      ...['text summarization', 'information extraction', 'dialogue system', 'low-resource language', 'text-to-SQL'],
      ...[
        'spoken dialogue',
        'multilingual',
        'cross-lingual',
        'crosslingual',
        'text simplification',
        'paraphrasing',
        'entity linking',
        'coreference',
      ],
      ...['semantic parsing', 'natural language inference', 'speech translation', 'fact-checking', 'fact verification'],
      ...['relation extraction', 'event extraction', 'reading comprehension', 'multiword expression', 'code-switching'],
      ...['grammatical error', 'topic modeling', 'stance detection', 'language identification', 'word embedding'],
    ],
    named: [
      ...['LLM', 'language model', 'linguistic', 'bilingual', 'authorship', 'dialogue', 'RLVR'],
      ...['information retrieval', 'text retrieval', 'text embedding', 'multi-hop question answering'],
      ...['dense retrieval', 'passage retrieval', 'passage ranking', 'document retrieval', 'reranking'],
      ...['table question answering', 'document understanding', 'retrieval-augmented generation'],
      ...['text generation', 'instruction tuning', 'instruction following', 'summarization'],
    ],
    titled: [
      ...['reasoning', 'translation', 'question answering', 'chatbot', 'conversational', 'conversation', 'language'],
      ...['writing', 'essay', 'tokenizer', 'hallucination', 'factuality', 'RAG', 'RLVR', 'RLHF', 'GRPO'],
      ...['chain-of-thought', 'CoT', 'thinking', 'prompt', 'in-context', 'instruction', 'tokenization', 'token'],
      ...['attention', 'transformer', 'mixture-of-experts', 'MoE', 'expert', 'long-context', 'KV cache', 'decoding'],
      ...['pretraining', 'pre-training', 'post-training', 'fine-tuning', 'distillation', 'self-distillation'],
      ...['alignment', 'preference', 'RL', 'reinforcement learning', 'policy optimization', 'on-policy', 'steering'],
      ...['math', 'mathematical', 'knowledge', 'knowledge editing', 'memorization', 'retrieval', 'fact', 'claim'],
      ...['text', 'textual', 'sentence', 'document', 'story', 'persona', 'judge', 'moral', 'persuasion', 'debate'],
      'legal',
    ],
    often: [
      ...['LLM', 'language model', 'perplexity', 'MMLU', 'linguistic', 'mixture of experts', 'MoE', 'LRM'],
      ...['large reasoning model', 'long-context', 'in-context learning', 'retrieval-augmented generation', 'GSM8K'],
      ...['MATH500', 'prompting', 'RAG', 'reasoning model', 'dLLM', 'Qwen', 'Qwen2', 'Qwen3', 'Llama', 'Llama3'],
      ...['DeepSeek', 'Gemma', 'Mistral', 'Pythia', 'RLVR', 'chain-of-thought', 'AIME', 'GPQA'],
      ...['GRPO', 'RLHF', 'DPO', 'next-token', 'on-policy distillation', 'dense retriever'],
    ],
    but: [
      'vision-language model',
      'visual language model',
      'audio-language model',
      'video language model',
      'multilingual corpus',
      'multilingual GUI',
      'multilingual code',
      'multilingual software',
      'bench multilingual',
      ...['prompt injection', 'dataset distillation'],
    ],
    unless: [
      ...OTHER_SENSES,
      ...['agent', 'agentic', 'tool use', 'programming', 'software', 'code', 'coding', 'coder', 'theorem proving'],
      ...['recommendation', 'protein', 'molecule', 'time series', 'world model', 'diffusion transformer', 'mesh'],
      ...['recommender', 'molecular', 'genomic', 'DNA', 'tabular', 'forecasting', 'mobility', 'motion', 'driving'],
      ...['diffusion model', 'flow matching', 'flow model', 'document parsing', 'CUDA', 'GPU kernel', 'compiler'],
      ...['MCP', 'computer use'],
      ...['multiagent', 'terminal', 'website', 'webpage', 'web page', 'unit test', 'unit testing'],
    ],
  },
  {
    names: ['computer vision', 'CV', 'vision'],
    whole: true,
    telling: [
      ...['text-to-image', 'text-to-video', 'image generation', 'video generation', 'image editing', 'video editing'],
      ...['object detection', 'semantic segmentation', 'instance segmentation', 'depth estimation', 'ImageNet'],
      ...['Gaussian splatting', 'neural radiance field', 'novel view synthesis', 'point cloud', '3D reconstruction'],
      ...['visual question answering', 'video understanding', 'image understanding', 'scene understanding'],
      ...['image synthesis', 'video diffusion', 'image restoration', 'visual grounding', 'mesh generation'],
      ...['image-to-video', 'image captioning', 'super-resolution', 'face recognition', 'pose estimation'],
    ],
    named: [
      ...['image', 'video', 'visual', '3D', '4D', 'pixel', 'segmentation', 'OCR', 'ViT', 'rendering', 'camera'],
      ...['inpainting', 'avatar', 'spatial understanding', 'style transfer', 'optical flow'],
      ...['document parsing', 'egocentric', 'VQA', 'spatial reasoning', 'spatial intelligence', 'talking head'],
    ],
    titled: [
      ...['motion', 'scene', 'face', 'sketch', 'multimodal', 'multi-modal', 'storyboard', 'animation', 'world model'],
      ...['VLM', 'LVLM', 'MLLM', 'vision-language model', 'multimodal large language model'],
    ],
    often: [
      ...['image', 'video', 'visual', 'pixel', 'scene', 'camera', 'photo', 'diffusion model'],
      ...['RGB', 'X-ray', 'MRI', 'chart'],
    ],
    but: [
      ...['visualization', 'visualizing', 'vision-language-action', '3D parallelism', 'visual programming'],
      ...['visual studio', 'motion sensor', 'multi-modal recommendation'],
    ],
  },
  {
    names: ['efficiency', 'efficient'],
    whole: true,
    telling: [
      ...['speculative decoding', 'model compression', 'token pruning', 'post-training quantization'],
      ...['inference efficiency', 'inference acceleration', 'inference speedup', 'KV cache compression'],
    ],
    named: [
      ...['weight quantization', 'weight pruning', 'sparse attention', 'linear attention', 'low-bit', 'KV cache'],
      'token reduction',
      ...[
        'speedup',
        'speed-up',
        'inference cost',
        'inference throughput',
        'tensor parallelism',
        '3D parallelism',
        'pipeline parallelism',
      ],
      ...['FLOP', 'NVFP4', 'memory footprint', 'GPU memory'],
      ...[
        'token compression',
        'token merging',
        'low-rank compression',
        'edge device',
        'on-device',
        'hardware acceleration',
        'early exit',
      ],
      ...['efficient inference', 'real-time inference', 'few-step generation', 'efficient decoding', 'inference speed'],
      ...['fast inference', 'fast decoding', 'GPU utilization', 'memory access', 'efficient reasoning'],
    ],
    titled: [
      ...['fast', 'faster', 'accelerate', 'lightweight', 'compress', 'compression', 'cost', 'latency', 'real-time'],
      ...['compute-optimal', 'test-time compute', 'few-step', 'cheap', 'speed', 'low-latency'],
      ...['memory-efficient', 'tiny', 'overhead', 'caching', 'skip', 'overthinking', 'quantization', 'pruning'],
    ],
    often: [
      ...['latency', 'throughput', 'speedup', 'speed-up', 'faster', 'memory footprint', 'memory usage', 'GPU memory'],
      ...[
        'memory consumption',
        'activation memory',
        'quadratic complexity',
        'redundancy',
        'offload',
        'parallel decoding',
      ],
      ...['computational cost', 'computational overhead', 'computational burden', 'inference cost', 'training cost'],
      ...['FLOP', 'inference acceleration', 'token usage', 'token reduction', 'token budget', 'wall-clock'],
      ...['memory overhead', 'compute budget', 'redundant', 'GPU hour', 'inference speed'],
      ...['decoding speed', 'fast decoding', 'computational effort', 'token consumption'],
      ...['decoding step', 'efficient inference', 'memory reduction', 'compute cost', 'GPU utilization'],
      ...['computational efficiency', 'token efficiency', 'training efficiency', 'memory efficiency', 'quadratic'],
      ...['accuracy-efficiency', 'efficiency gain', 'inference engine', 'overthinking', 'pruning', 'FP4'],
    ],
    but: [
      ...['sample efficiency', 'sample-efficient', 'data efficiency', 'data-efficient', 'vector quantization'],
      ...['scalar quantization', 'binary quantization', 'data pruning'],
      ...['parameter-efficient', 'residual quantization', 'fast weight', 'fast and slow', 'fast-slow'],
    ],
  },
  {
    names: ['medical', 'medicine', 'medical AI', 'clinical', 'healthcare', 'health', 'biomedical'],
    telling: [
      ...['radiology', 'radiologist', 'electronic health record', 'clinician', 'medical imaging'],
      ...['clinical decision', 'medical question answering', 'clinical diagnosis', 'medical diagnosis'],
      ...['histopathology', 'physician', 'electrocardiogram', 'computed tomography'],
    ],
    named: [
      ...['patient', 'disease', 'cancer', 'tumor', 'surgical', 'surgery', 'MRI', 'chest X-ray', 'ECG', 'EEG'],
      ...['well-being', 'mental health', 'psychiatric', 'psychotherapy', 'pharmaceutical', 'ultrasound', 'oncology'],
      ...['computational pathology', 'diagnostic accuracy', 'nursing', 'hospital', 'doctor'],
    ],
    titled: ['pathology', 'diagnosis', 'drug', 'dental', 'retinal', 'epidemic', 'therapy', 'dermatology'],
    often: [
      ...['patient', 'disease', 'hospital', 'cancer', 'tumor', 'doctor', 'surgical', 'medical', 'clinical'],
      'clinician',
      ...['diagnosis', 'lesion', 'anatomical', 'cardiac', 'radiology', 'therapeutic', 'biomedical'],
    ],
    but: [
      'crop disease',
      'plant disease',
      'cognitive diagnosis',
      'disease category',
      'fault diagnosis',
      'error diagnosis',
      'failure diagnosis',
      'tokenizer surgery',
      'model surgery',
    ],
  },
  {
    names: ['safety', 'AI safety', 'LLM safety', 'model safety', 'security'],
    telling: [
      ...['jailbreak', 'red teaming', 'prompt injection', 'backdoor attack', 'adversarial attack', 'harmful content'],
      ...['safety alignment', 'membership inference', 'cybersecurity', 'emergent misalignment'],
      ...['machine unlearning', 'data poisoning', 'deceptive alignment', 'safety evaluation', 'safety risk'],
    ],
    named: [
      ...['watermark', 'privacy', 'unlearning', 'toxicity', 'harmful', 'guardrail', 'copyright', 'malicious'],
      ...['deepfake', 'adversarial prompt', 'alignment failure', 'vulnerability', 'PII', 'deception'],
      ...['social bias', 'bias mitigation', 'sycophancy', 'sabotage', 'backdoor'],
      ...['adversarial robustness', 'adversarial example', 'attack success rate', 'over-refusal', 'refusal', 'misuse'],
      ...['AI governance', 'AI ethics', 'responsible AI', 'fairness', 'stereotype', 'content moderation'],
      'hate speech',
      ...['misinformation', 'disinformation', 'sandbagging', 'scalable oversight', 'AI control'],
      ...['phishing', 'malware', 'spoofing', 'data exfiltration', 'differential privacy', 'alignment faking'],
      'reward tampering',
    ],
    titled: [
      ...['attack', 'risk', 'threat', 'adversarial', 'tampering', 'misaligned', 'poisoning', 'defense'],
      ...['unsafe', 'safe'],
      ...['secure', 'harm', 'trust', 'bias', 'ethic', 'moral', 'governance', 'protection', 'persuasion', 'hijack'],
      ...['oversight', 'dangerous', 'monitoring', 'safeguard', 'trustworthy', 'trustworthiness'],
    ],
    often: [
      ...[
        'attack',
        'attacker',
        'harmful',
        'unsafe',
        'malicious',
        'adversary',
        'toxic',
        'safety',
        'harmless',
        'sycophancy',
      ],
      ...['misalignment', 'deceptive', 'jailbroken', 'threat', 'security', 'vulnerability', 'fairness', 'social bias'],
      ...['stereotype', 'ethic', 'misinformation', 'privacy', 'exfiltration', 'guardrail', 'refusal'],
    ],
    but: [
      ...['inductive bias', 'position bias', 'positional bias', 'length bias', 'bias term', 'trust region'],
      ...['adversarial network', 'adversarial training', 'generative adversarial', 'adversarial distillation'],
      ...['code safety', 'memory safety', 'type safety', 'safety guarantee', 'safety-critical system'],
    ],
  },
  {
    names: ['audio', 'speech', 'sound', 'music'],
    telling: [
      ...['speech recognition', 'text-to-speech', 'speech synthesis', 'voice cloning', 'music generation'],
      ...['audio generation', 'text-to-audio', 'audio-language model', 'spoken dialogue', 'speech language model'],
      ...['audio understanding', 'audio-visual', 'audio-driven', 'text-to-music', 'sound effect'],
    ],
    named: ['spoken', 'voice', 'acoustic', 'singing', 'speaker'],
    titled: ['song', 'TTS'],
    often: ['waveform', 'spectrogram', 'acoustic', 'voice', 'vocal', 'speaker', 'spoken'],
    but: ['free speech', 'hate speech', 'part of speech'],
  },
  {
    names: ['data', 'dataset', 'benchmark'],
    whole: true,
    named: [
      ...['data curation', 'data selection', 'data synthesis', 'synthetic data', 'benchmark dataset', 'data mixture'],
      ...[
        'data pipeline',
        'data engine',
        'data filtering',
        'instruction data',
        'instruction dataset',
        'instruction augmentation',
        'pretraining data',
        'data preparation',
      ],
    ],
    titled: ['*bench', 'corpus', 'leaderboard', 'evaluating', 'assessing', 'benchmarking', 'arena', 'gym'],
    made: [
      ...['benchmark', '*bench', 'dataset', '*dataset', 'testbed', 'data synthesis', 'data pipeline'],
      ...['training data', 'test suite', 'evaluation suite', 'data engine'],
    ],
    but: [
      ...[
        'data augmentation',
        'data poisoning',
        'data distribution',
        'public dataset',
        'zero data',
        'data structure',
        'data parallelism',
        'data-pipeline parallelism',
        'data science',
        'data agent',
        'data-driven',
      ],
      ...['sparse data', 'without data', 'data-free', 'limited data', 'data center', 'big data'],
    ],
  },
  {
    names: ['reasoning'],
    whole: true,
    telling: ['theorem proving', 'autoformalization', 'large reasoning model'],
    named: [
      ...['logical reasoning', 'commonsense reasoning', 'visual reasoning', 'AIME', 'reasoning model'],
      ...['parallel reasoning', 'reasoning capability', 'reasoning ability', 'latent reasoning', 'reasoning trace'],
    ],
    titled: [
      'thinking',
      'think',
      'thought',
      'math',
      'mathematical',
      'RLVR',
      'proof',
      'theorem',
      'reason',
      'reasoner',
      'chain-of-thought',
    ],
    often: [
      ...['chain-of-thought', 'CoT', 'reasoning capability', 'reasoning ability', 'reasoning step', 'reasoning path'],
      ...['reasoning process', 'reasoning chain', 'reasoning task', 'reasoning trace', 'AIME'],
      ...['overthinking', 'reasoning model', 'complex reasoning'],
    ],
    but: ['agentic thinking', 'design thinking', 'rethinking', 'audio-visual reasoning'],
  },
  {
    names: ['agent', 'AI agent', 'LLM agent', 'agentic', 'autonomous agent'],
    telling: [
      'GUI grounding',
      'computer-use agent',
      'GUI agent',
      'web agent',
      'mobile agent',
      'language agent',
      'deep research agent',
    ],
    named: ['tool use', 'tool calling', 'MCP', 'deep research', 'computer use', 'multi-agent', 'tool-integrated'],
    often: [
      ...['LLM agent', 'AI agent', 'agentic', 'tool call', 'tool use', 'autonomous agent', 'multi-agent'],
      ...['coding agent', 'search agent', 'agent harness'],
    ],
    but: ['agent-centric', 'agentic resampling', 'agentic autonomy', 'chemical agent', 'contrast agent'],
  },
  {
    names: ['code', 'programming', 'source code'],
    whole: true,
    named: [
      ...['code generation', 'software engineering', 'program synthesis', 'competitive programming', 'code LLM'],
      ...['program repair', 'code repair', 'code completion', 'coding agent', 'code review', 'software development'],
      ...['SWE-bench', 'code reasoning', 'code model', 'codebase', 'code repository', 'code optimization'],
      ...['unit test', 'kernel generation', 'verilog', 'SQL', 'text-to-SQL', 'code editing', 'GitHub issue'],
    ],
    titled: ['SWE', 'software', 'compiler', 'coder', 'coding', 'bug', 'github', 'repository', 'program'],
    often: ['code generation', 'coding agent', 'software engineering', 'repository', 'unit test', 'bug', 'codebase'],
    but: [
      ...['video coding', 'image coding', 'multi-modal coding', 'neural coding', 'predictive coding', 'sparse coding'],
      ...['entropy coding', 'code-switching', 'code switching', 'linear program'],
    ],
    unless: ['codec', 'bitrate'],
  },
  {
    names: ['robotics', 'robot', 'robot learning', 'humanoid'],
    telling: [
      ...[
        'robotic manipulation',
        'robot manipulation',
        'humanoid robot',
        'visuomotor',
        'robot policy',
        'robotic policy',
      ],
      ...['VLA', 'world action model'],
    ],
    named: [
      ...['vision-language-action', 'dexterous', 'locomotion', 'quadruped', 'sim-to-real', 'teleoperation'],
      ...['aerial vehicle', 'quadrotor', 'legged', 'gripper', 'robot arm'],
      ...[
        'bimanual',
        'embodied navigation',
        'object navigation',
        'vision-language navigation',
        'VLN',
        'language-guided navigation',
        'image-goal navigation',
        'visual navigation',
        'robot foundation model',
        'robotic foundation model',
        'mobile manipulation',
        'embodied intelligence',
        'drone',
        'UAV',
      ],
    ],
    titled: ['embodied', 'embodiment', 'manipulation', 'navigation', 'grasping', 'tactile'],
    but: ['robotic process automation'],
    unless: [
      ...['video generation', 'image generation', 'world model', 'avatar', 'motion generation', 'video game'],
      ...['video synthesis', 'scene generation', 'world simulator', 'human-object interaction', 'autonomous driving'],
      'object detection',
    ],
    not: [
      ...['autonomous driving', 'self-driving', 'autonomous vehicle', 'GUI', 'Minecraft', 'video game'],
      ...['3D character', 'autonomous character', 'character animation'],
    ],
    often: [
      ...['contact-rich', 'teleoperation', 'embodied reasoning', 'embodied manipulation'],
      ...[
        'vision-language-action',
        'VLA',
        'manipulation task',
        'embodied agent',
        'embodied AI',
        'dexterous',
        'LIBERO',
        'SimplerEnv',
      ],
      ...['robotic', 'robot', 'end-effector', 'real-world robot', 'humanoid', 'manipulator', 'bimanual'],
      ...['aerial vehicle', 'MAV', 'UAV', 'quadrotor', 'gripper'],
    ],
  },
  {
    names: ['RL', 'reinforcement learning'],
    telling: [
      'GRPO',
      'group relative policy optimization',
      'RLVR',
      'verifiable reward',
      'policy gradient',
      'online RL',
    ],
    named: [
      ...['policy optimization', 'preference optimization', 'reinforcement fine-tuning', 'reinforcement finetuning'],
      ...['RFT', 'RLHF', 'PPO', 'self-rewarding', 'reward hacking', 'process reward', 'reward shaping'],
      ...['Q-learning', 'actor-critic'],
    ],
    titled: ['reward model', 'reward optimization', 'rollout', 'self-play', 'bandit'],
    often: ['policy optimization', 'process reward', 'on-policy', 'off-policy', 'policy update', 'RL training'],
    but: ['direct preference optimization'],
  },
]
