"""Option names of the real upstream, against which the project's and the rehearsal's are held.

ptuning/arguments.py of THUDM/ChatGLM-6B (2023-2024), and the fields of TrainingArguments and Seq2SeqTrainingArguments
of transformers 4.27.1.
"""

MODEL = set(
    """model_name_or_path ptuning_checkpoint config_name tokenizer_name cache_dir use_fast_tokenizer model_revision
    use_auth_token resize_position_embeddings quantization_bit pre_seq_len prefix_projection""".split()
)

DATA = set(
    """lang dataset_name dataset_config_name prompt_column response_column history_column train_file validation_file
    test_file overwrite_cache preprocessing_num_workers max_source_length max_target_length val_max_target_length
    pad_to_max_length max_train_samples max_eval_samples max_predict_samples num_beams ignore_pad_token_for_loss
    source_prefix forced_bos_token""".split()
)

TRAINER = set(
    """output_dir overwrite_output_dir do_train do_eval do_predict evaluation_strategy prediction_loss_only
    per_device_train_batch_size per_device_eval_batch_size gradient_accumulation_steps eval_accumulation_steps
    eval_delay learning_rate weight_decay adam_beta1 adam_beta2 adam_epsilon max_grad_norm num_train_epochs max_steps
    lr_scheduler_type warmup_ratio warmup_steps log_level log_on_each_node logging_dir logging_strategy
    logging_first_step logging_steps logging_nan_inf_filter save_strategy save_steps save_total_limit
    save_on_each_node no_cuda seed data_seed bf16 fp16 fp16_opt_level local_rank debug dataloader_drop_last eval_steps
    dataloader_num_workers run_name disable_tqdm remove_unused_columns label_names load_best_model_at_end
    metric_for_best_model greater_is_better ignore_data_skip deepspeed label_smoothing_factor optim adafactor
    group_by_length report_to dataloader_pin_memory skip_memory_metrics push_to_hub resume_from_checkpoint
    gradient_checkpointing auto_find_batch_size full_determinism
    sortish_sampler predict_with_generate generation_max_length generation_num_beams""".split()
)
