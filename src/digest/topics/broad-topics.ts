// Topics that people type and hardly any paper says: a field of research, or a word that every
// other abstract holds. What makes a paper one of them is named here by how much it tells, from
// what such papers have in their titles and keywords. Few and telling: a word that half of all
// papers hold finds half of all papers.

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
  /** Tells wherever it stands, an abstract included: what no abstract says in passing. */
  telling?: readonly string[]
  /** Tells in titles and keywords. */
  named?: readonly string[]
  /** Tells in titles only. `*bench` is any word that ends so. */
  titled?: readonly string[]
  /** Tells where an abstract says that it was made: "we introduce …, a benchmark". */
  made?: readonly string[]
  /** Phrases that hold a word from above and mean something else: they are not read. */
  but?: readonly string[]
  /** With one of these in its title or keywords a paper is of this topic only by what tells. */
  unless?: readonly string[]
}

const OTHER_SENSES = [
  'vision',
  'visual',
  'image',
  'video',
  '3D',
  'multimodal',
  'multi-modal',
  'audio',
  'speech',
  'robot',
]

export const BROAD_TOPICS: readonly BroadTopic[] = [
  {
    names: ['NLP', 'natural language processing', 'computational linguistics'],
    telling: [
      ...['machine translation', 'named entity recognition', 'sentiment analysis', 'text classification'],
      ...['text summarization', 'information extraction', 'dialogue system', 'low-resource language', 'text-to-SQL'],
      ...['spoken dialogue', 'multilingual', 'bilingual', 'cross-lingual'],
    ],
    named: [
      ...[
        'linguistic',
        'dialogue',
        'dense retrieval',
        'passage retrieval',
        'passage ranking',
        'table question answering',
      ],
      ...['diffusion language model', 'diffusion large language model', 'document understanding'],
    ],
    titled: [
      ...['LLM', 'language model', 'reasoning', 'RAG', 'retrieval-augmented generation', 'text generation', 'RLVR'],
      ...['translation', 'question answering', 'chatbot', 'conversational', 'summarization', 'instruction tuning'],
    ],
    but: ['vision-language model', 'visual language model', 'audio-language model', 'video language model'],
    unless: [...OTHER_SENSES, 'agent', 'agentic', 'programming', 'software', 'theorem proving'],
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
    ],
    named: [
      ...['image', 'video', 'visual', '3D', '4D', 'pixel', 'segmentation', 'OCR', 'ViT', 'rendering', 'camera'],
      ...['inpainting', 'avatar', 'spatial understanding', 'style transfer', 'optical flow'],
    ],
    titled: [
      ...['vision', 'VLM', 'LVLM', 'MLLM', 'vision-language model', 'multimodal large language model', 'motion'],
      ...['spatial intelligence', 'scene', 'face', 'sketch'],
    ],
    but: ['visualization', 'visualizing', 'vision-language-action', '3D parallelism'],
  },
  {
    names: ['efficiency', 'efficient'],
    whole: true,
    telling: [
      ...['speculative decoding', 'KV cache', 'model compression', 'token pruning', 'post-training quantization'],
      ...['inference efficiency', 'efficient inference', 'inference acceleration', 'inference speedup'],
    ],
    named: [
      ...['quantization', 'pruning', 'sparse attention', 'linear attention', 'low-bit', 'token reduction'],
      ...['speedup', 'speed-up', 'inference cost', 'inference throughput', 'tensor parallelism', '3D parallelism'],
    ],
    titled: [
      ...['fast', 'faster', 'accelerate', 'lightweight', 'compress', 'compression', 'cost', 'latency', 'real-time'],
      ...['compute-optimal', 'test-time compute'],
    ],
    but: [
      ...['sample efficiency', 'sample-efficient', 'data efficiency', 'data-efficient', 'vector quantization'],
      ...['parameter-efficient', 'residual quantization'],
    ],
  },
  {
    names: ['medical', 'medicine', 'medical AI', 'clinical', 'healthcare', 'health', 'biomedical'],
    telling: [
      ...['medical image', 'medical imaging', 'radiology', 'radiologist', 'electronic health record', 'clinician'],
      ...['clinical decision', 'medical question answering', 'clinical diagnosis', 'medical diagnosis'],
    ],
    named: [
      ...[
        'patient',
        'disease',
        'cancer',
        'tumor',
        'surgical',
        'surgery',
        'MRI',
        'pathology',
        'diagnostic',
        'diagnosis',
      ],
      ...['well-being', 'mental health'],
    ],
  },
  {
    names: ['safety', 'AI safety', 'LLM safety', 'model safety', 'security'],
    telling: [
      ...['jailbreak', 'red teaming', 'prompt injection', 'backdoor attack', 'adversarial attack', 'harmful content'],
      ...['safety alignment', 'guardrail', 'data poisoning', 'membership inference', 'cybersecurity'],
    ],
    named: [
      ...['watermark', 'privacy', 'unlearning', 'toxicity', 'harmful', 'misalignment', 'copyright', 'deepfake'],
      ...[
        'adversarial prompt',
        'alignment failure',
        'vulnerability',
        'PII',
        'deception',
        'trustworthy',
        'trustworthiness',
      ],
    ],
  },
  {
    names: ['audio', 'speech', 'sound', 'music'],
    telling: [
      ...['speech recognition', 'text-to-speech', 'speech synthesis', 'voice cloning', 'music generation'],
      ...['audio generation', 'text-to-audio', 'audio-language model', 'spoken dialogue', 'speech language model'],
      ...['audio understanding'],
    ],
    named: ['spoken', 'voice', 'acoustic', 'singing', 'TTS'],
  },
  {
    names: ['data', 'dataset', 'benchmark'],
    whole: true,
    named: ['data curation', 'data selection', 'data synthesis', 'synthetic data', 'benchmark dataset'],
    titled: ['*bench', 'corpus', 'leaderboard', 'evaluating', 'assessing'],
    made: ['benchmark', 'dataset', 'corpus', 'testbed'],
    but: ['data augmentation'],
  },
  {
    names: ['reasoning'],
    whole: true,
    telling: ['theorem proving', 'large reasoning model', 'verifiable reward', 'RLVR'],
    named: ['mathematical reasoning', 'logical reasoning', 'commonsense reasoning', 'visual reasoning', 'AIME', 'CoT'],
    titled: ['chain-of-thought', 'thinking', 'think', 'math', 'mathematical'],
  },
  {
    names: ['agent', 'AI agent', 'LLM agent', 'agentic', 'autonomous agent'],
    telling: ['computer-use agent', 'GUI agent', 'web agent', 'mobile agent', 'language agent', 'deep research agent'],
    named: ['tool use', 'tool calling', 'MCP', 'deep research', 'computer use'],
    but: ['agent-centric'],
  },
  {
    names: ['code', 'programming', 'source code'],
    whole: true,
    named: [
      ...['code generation', 'software engineering', 'program synthesis', 'competitive programming', 'code LLM'],
      ...['program repair', 'code completion', 'coding agent', 'code review', 'software development', 'SWE-bench'],
      ...['code reasoning', 'code model', 'codebase', 'code repository'],
    ],
    titled: ['SWE', 'software', 'compiler'],
    but: ['video coding', 'image coding', 'multi-modal coding', 'neural coding', 'predictive coding', 'sparse coding'],
  },
  {
    names: ['robotics', 'robot', 'robot learning', 'humanoid'],
    telling: ['robotic manipulation', 'robot manipulation', 'vision-language-action', 'humanoid robot', 'visuomotor'],
    named: ['VLA', 'dexterous', 'locomotion', 'quadruped', 'sim-to-real'],
    titled: ['embodied', 'embodiment'],
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
      ...['RFT', 'RLHF', 'reward model', 'PPO', 'self-rewarding', 'reward hacking'],
    ],
    but: ['direct preference optimization'],
  },
]
