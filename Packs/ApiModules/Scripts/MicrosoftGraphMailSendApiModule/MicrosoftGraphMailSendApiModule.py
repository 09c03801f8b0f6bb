"""Sending mail through Microsoft Graph: drafts, attachments of any size, replies. Nothing is sent twice. No commands."""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import demistomock as demisto  # noqa: F401 - integrations take it from here
import requests
from CommonServerPython import *
from MicrosoftGraphMailOutgoingApiModule import *

# region what can happen on the way


REPLY = 'createReply'
REPLY_ALL = 'createReplyAll'
FORWARD = 'createForward'


class UnknownOutcomeError(GraphError):
    """A mail may have been sent, or a draft made, or not: nobody could be asked."""


class SendingProgress:
    """How far a mail has come. Which of its attachments the draft has, the draft itself tells.

    Args:
        draft_id: immutable ID of the draft, empty before there is one.
        made_with: how many attachments the draft was made with; a forwarded mail brings its own. None until that is known.
        can_go_on: a long throttling leaves the draft as it is, for the caller to go on from it later.
    """

    def __init__(self, draft_id: str = '', made_with: int | None = None, can_go_on: bool = False):
        self.draft_id = draft_id
        self.made_with = made_with
        self.can_go_on = can_go_on

    def goes_on_after(self, error: Exception) -> bool:
        """Whether the caller can go on later: Graph was asked too much, or is busy and says until when. Nothing is done twice
        then: what may have been done is looked for first."""
        if not self.can_go_on or not isinstance(error, GraphError) or isinstance(error, UnknownOutcomeError):
            return False
        is_busy = error.status in (503, 504) and error.res is not None and 'Retry-After' in error.res.headers
        return is_throttled(error) or is_busy


_Answer = TypeVar('_Answer')
_TRIES_OF_A_STEP = 6


def is_throttled(error: GraphError) -> bool:
    """Whether Graph did not do what it was asked to, because there was too much of it."""
    return error.status == 429


def _may_have_been_done(error: GraphError) -> bool:
    """Whether no answer came, or one that does not say what happened."""
    return error.status < 400 or error.status >= 500


# endregion
# region upload session


class UploadSession:
    """One file on its way to a draft, in ranges. Goes on where the service says, after whatever went wrong.

    Args:
        client: for its retries and its connection.
        url: of the session. It is a secret of its own, and gets no token.
        file: what is sent, `size` bytes.
        is_attached: asks whether the file has arrived, once its session is gone.
    Source: https://learn.microsoft.com/graph/outlook-large-attachments
    """

    def __init__(self, client: 'GraphMailSender', url: str, file: BinaryIO, size: int, is_attached: Callable[[], bool]):
        parts = urlsplit(url)
        if parts.scheme != 'https' and not is_loopback(parts.hostname or ''):
            raise GraphError('Microsoft Graph gave an address for the upload that is not an https one.', 'Try again.')
        for secret in (url, requests.Request('PUT', url).prepare().path_url, parts.query):  # as it is logged, longest first
            add_sensitive_log_strs(secret)
        self._client = client
        self._url = url
        self._file = file
        self._size = size
        self._is_attached = is_attached
        self._position = 0
        self._sent = 0  # up to here bytes were put, whether they arrived or not
        self._is_sure = True  # of the position

    def put_all(self) -> None:
        """Sends the file. Raises GraphError, and leaves the session, when it finally fails."""
        for _ in range(2 * (self._size // UPLOAD_RANGE + 1) + _TRIES_OF_A_STEP):
            self._client.retried(
                self._put_next, lambda error: is_throttled(error) or _may_have_been_done(error) or error.status == 416
            )
            if self._position >= self._size:
                return
        raise GraphError('The upload did not get on: Microsoft Graph asked for the same bytes again and again.', 'Try again.')

    def cancel(self) -> None:
        """Ends the session. It would expire by itself: that it cannot be ended is no error."""
        with suppress(Exception):
            self._request('DELETE', {})

    def _put_next(self) -> None:
        if not self._is_sure:
            self._position, self._is_sure = self._asked_position(), True
        if self._position >= self._size:
            return
        self._is_sure = False
        self._file.seek(self._position)
        data = self._file.read(min(UPLOAD_RANGE, self._size - self._position))
        if not data:
            raise DemistoException('The file became shorter while it was sent. Send it again.')
        end = self._position + len(data)
        self._sent = max(self._sent, end)
        answer = self._request('PUT', {'Content-Range': f'bytes {self._position}-{end - 1}/{self._size}'}, data)
        self._position = self._size if answer.status_code == 201 else next_expected(answer)
        self._is_sure = True

    def _asked_position(self) -> int:
        try:
            return next_expected(self._request('GET', {}))
        except GraphError as error:
            if error.status == 404 and self._sent == self._size and self._is_attached():
                return self._size
            raise

    def _request(self, method: str, headers: dict[str, str], data: bytes | None = None) -> requests.Response:
        headers = {'Accept': 'application/json', 'Content-Type': 'application/octet-stream', **headers}
        return self._client.request_without_token(method, self._url, headers, data)


def next_expected(answer: requests.Response) -> int:
    """The position at which an upload session goes on, out of ``nextExpectedRanges``: ``N``, ``N-`` or ``N-M``.

    Outlook spells the name with a capital.
    """
    body = json_or_none(answer)
    ranges = (body.get('nextExpectedRanges') or body.get('NextExpectedRanges')) if isinstance(body, dict) else None
    position = re.match(r'\d+', str(ranges[0])) if isinstance(ranges, list) and ranges else None
    if not position:
        raise GraphError('Microsoft Graph did not say how far the upload is.', 'Try again.', response=answer)
    return int(position.group())


# endregion
# region client


class GraphMailSender(GraphMailClient):
    """Sends mail. Arguments as GraphMailClient.

    Every mail is a draft first, so that its ID is known and no step is done twice. When a step finally fails, the draft is
    removed, unless the caller said that it can go on from there.
    """

    def create_draft(self, mail: OutgoingMail, user_id: str = '', progress: SendingProgress | None = None) -> dict[str, Any]:
        """Makes a draft with all its attachments, and gives it as Graph shows it.

        Args:
            progress: of an earlier call that was throttled; is brought up to date.
        Raises:
            GraphError: Graph refused a step.
        """
        with self._removing_draft(progress, user_id) as steps:
            made = self._draft(mail, user_id, steps)
            return made or self.graph_request('GET', self._draft_path(steps, user_id), headers=_preferences(mail))

    def send(self, mail: OutgoingMail, user_id: str = '', progress: SendingProgress | None = None) -> str:
        """Sends a mail, and gives its immutable ID. Args and Raises as `create_draft`; see also `send_draft`."""
        _require_recipients(mail)
        with self._removing_draft(progress, user_id) as steps:
            self._draft(mail, user_id, steps)
            self._submit(self._draft_path(steps, user_id), is_own=True)
        return steps.draft_id

    def reply(
        self,
        action: str,
        message_id: str,
        mail: OutgoingMail,
        user_id: str = '',
        comment: str = '',
        progress: SendingProgress | None = None,
    ) -> str:
        """Replies to a message, or forwards it, and gives the immutable ID of what was sent.

        Args:
            action: REPLY, REPLY_ALL or FORWARD.
            mail: what the answer has of its own. Its body, if any, replaces the quoted message, and its recipients replace those
                that Graph chooses. Of a body in both forms, only the HTML is sent.
            comment: stands above the quoted message; not together with a body.
        Raises: as `send`.
        """
        if action == FORWARD:
            _require_recipients(mail)
        message = mail.as_json()
        with_message_or_after(message, ())
        properties = message.pop('singleValueExtendedProperties', [])
        path = f'{self.message_path(message_id, user_id)}/{action}'
        with self._removing_draft(progress, user_id) as steps:
            if not steps.draft_id:
                steps.draft_id = self._make_answer(path, user_id, message, comment)['id']
            if properties:
                self._change(steps, user_id, {'singleValueExtendedProperties': properties})
            self._attach_rest(list(mail.attachments), user_id, steps)
            self._submit(self._draft_path(steps, user_id), is_own=True)
        return steps.draft_id

    def send_unsaved(self, mail: OutgoingMail, user_id: str = '') -> None:
        """Sends a mail in one request, without a copy in Sent Items. Nobody learns its ID.

        Raises:
            DemistoException: its attachments do not fit into one request, or its body has both forms.
            UnknownOutcomeError: no clear answer came. Sending again may send twice.
        """
        _require_recipients(mail)
        if mail.has_both_forms:
            raise DemistoException(
                'A mail with both a text and HTML cannot be sent without a copy in Sent Items. '
                'Leave save_to_sent_items at true, or give one of the two.'
            )
        message = mail.as_json()
        together, after = with_message_or_after(message, mail.attachments)
        if after:
            raise DemistoException(
                f"'{after[0].name}' makes the mail too large to be sent without a copy in Sent Items. "
                'Leave save_to_sent_items at true, or send less at once.'
            )
        message['attachments'] = [one.as_json() for one in together]
        with self._going_on_itself():
            try:
                self._accepted('POST', f'{self.mailbox_path(user_id)}/sendMail', {'message': message, 'saveToSentItems': False})
            except GraphError as error:
                if _may_have_been_done(error):
                    raise _unknown_outcome('the mail was sent', 'Ask a recipient before you send it again.', error) from error
                raise

    def send_draft(self, draft_id: str, user_id: str = '', is_again: bool = False) -> None:
        """Sends a draft. Its immutable ID is that of the sent mail as well.

        Args:
            is_again: whether it was tried before, so that a draft which is sent by now was sent then.
        Raises:
            GraphError: Graph refused it.
            UnknownOutcomeError: no clear answer came, and the draft could not be looked at.
        """
        with self._going_on_itself():
            self._submit(self.message_path(draft_id, user_id), is_own=is_again)

    def retried(self, step: Callable[[], _Answer], again: Callable[[GraphError], bool]) -> _Answer:
        """Does a step, several times if need be, as long as `again` says so of its error."""
        waited, tries = 0.0, 0
        while True:
            try:
                return step()
            except GraphError as error:
                asked = None if error.res is None else retry_after_seconds(error.res, self.clock.now())
                wait = backoff_seconds(1.0, tries) if asked is None else asked
                if tries == _TRIES_OF_A_STEP - 1 or waited + wait > LONGEST_PATIENCE or not again(error):
                    raise
            self.clock.sleep(wait)
            waited += wait
            tries += 1

    def request_without_token(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> requests.Response:
        """Sends a request to an upload URL. Raises GraphError."""
        try:
            response: requests.Response = self._http_request(
                method,
                full_url=url,
                headers=headers,
                data=data,
                resp_type='response',
                ok_codes=(200, 201, 202, 204),
                error_handler=self._raise_graph_error,
                allow_redirects=False,
                auth=no_netrc_login,
                with_metrics=self._counts_requests,
            )
        except (DemistoException, requests.exceptions.RequestException) as error:
            raise (self._outage(error) or error) from None  # errors of requests hold the URL
        return response

    # region steps

    def _draft(self, mail: OutgoingMail, user_id: str, steps: SendingProgress) -> dict[str, Any]:
        """Brings a draft about, with all attachments. Gives it as Graph showed it when it was made, empty if that was earlier."""
        if mail.has_both_forms:
            return self._draft_of_mime(mail, user_id, steps)
        message, mark = _marked(mail.as_json())
        together, after = with_message_or_after(message, mail.attachments)
        made: dict[str, Any] = {}
        held = None
        if not steps.draft_id:
            made = self._make_draft(
                f'{self.mailbox_path(user_id)}/messages',
                user_id,
                mark,
                _preferences(mail),
                json_data={**message, 'attachments': [one.as_json() for one in together]},
            )
            steps.draft_id, steps.made_with, held = made['id'], len(together), len(together)
        self._attach_rest(after, user_id, steps, held)
        return made

    def _draft_of_mime(self, mail: OutgoingMail, user_id: str, steps: SendingProgress) -> dict[str, Any]:
        """As `_draft`, where only MIME has room for the body. What MIME has no room for is changed on the draft."""
        held = None
        if not steps.draft_id:
            message_id = _new_message_id(mail.sender or user_id or self.mailbox)
            made = self._make_draft(
                f'{self.mailbox_path(user_id)}/messages',
                user_id,
                f"internetMessageId eq '{message_id}'",
                {'Content-Type': 'text/plain'},
                data=mail.as_mime(message_id),
            )
            steps.draft_id, steps.made_with, held = made['id'], 0, 0
        changed = self._change(steps, user_id, mail.as_change(), _preferences(mail))
        self._attach_rest(list(mail.attachments), user_id, steps, held)
        return changed

    def _make_answer(self, path: str, user_id: str, message: dict[str, Any], comment: str) -> dict[str, Any]:
        """Makes the draft of an answer, as `_make_draft` does."""

        def made(message: dict[str, Any]) -> dict[str, Any]:
            body = {name: value for name, value in (('message', message), ('comment', comment)) if value}
            return self._make_draft(path, user_id, mark, json_data=body)

        marked, mark = _marked(message)
        try:
            return made(marked)
        except GraphError as error:
            if error.status != 400:
                raise
            # Microsoft documents extended properties for new messages and for changes, not for drafts of answers. Where Graph
            # refuses the mark, the answer goes without; should its own answer be lost too, an unsent draft may stay behind.
            return made(message)

    def _change(
        self, steps: SendingProgress, user_id: str, change: dict[str, Any], headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Changes a draft, and gives it as Graph shows it. It may be asked for twice."""
        return self.retried(
            lambda: self.graph_request('PATCH', self._draft_path(steps, user_id), json_data=change, headers=headers or {}),
            lambda error: _is_too_early(error) or _may_have_been_done(error),
        )

    def _make_draft(
        self, path: str, user_id: str, mark: str, headers: dict[str, str] | None = None, **request: Any
    ) -> dict[str, Any]:
        """Makes a draft, once. Gives it as Graph shows it.

        Args:
            mark: a filter by which the draft is found, and no other, if no clear answer comes.
            request: what is sent to `path`: json_data or data.
        """

        def made() -> dict[str, Any]:
            draft = self.graph_request('POST', path, headers=headers or {}, **request)
            if not draft.get('id'):
                raise GraphError('Microsoft Graph did not give the ID of the draft that it made.', 'Look for it in Drafts.')
            return draft

        def found() -> dict[str, Any] | None:
            try:
                drafts = self.graph_request(
                    'GET', f'{self.folder_path("drafts", user_id)}/messages', headers=headers or {}, params={'$filter': mark}
                )
            except GraphError as error:
                raise _unknown_outcome('a draft was made', 'Look for it in Drafts before you try again.', error) from error
            return next(iter(drafts.get('value') or []), None)

        return self._once(made, found, _may_have_been_done)

    def _once(
        self, step: Callable[[], _Answer], outcome: Callable[[], _Answer | None], again: Callable[[GraphError], bool]
    ) -> _Answer:
        """Does a step that must not be done twice, several times if need be, as long as `again` says so of its error.

        Args:
            outcome: looks for what the step does, where no clear answer came; None says that it was not done.
        """
        is_unclear = False

        def tried() -> _Answer:
            nonlocal is_unclear
            done = outcome() if is_unclear else None
            if done is not None:
                return done
            try:
                return step()
            except GraphError as error:
                is_unclear = is_unclear or _may_have_been_done(error)
                raise

        try:
            return self.retried(tried, again)
        except GraphError:
            done = outcome() if is_unclear else None
            if done is None:
                raise
            return done

    def _attach_rest(
        self, attachments: list[OutgoingAttachment], user_id: str, steps: SendingProgress, held: int | None = None
    ) -> None:
        """Attaches what the draft does not have yet.

        Args:
            held: how many attachments the draft has; None where Graph has to be asked.
        """
        if not attachments:
            return
        if held is None:
            held = self.retried(lambda: self._attachments_of(steps, user_id), _is_too_early)
        if steps.made_with is None:
            steps.made_with = held
        for attachment in attachments[max(0, held - steps.made_with) :]:
            self._attach(attachment, user_id, steps, held)
            held += 1

    def _attach(self, attachment: OutgoingAttachment, user_id: str, steps: SendingProgress, held: int) -> None:
        """Attaches a file to a draft that has `held` attachments: in one request, or in ranges, as its size demands."""
        path = f'{self._draft_path(steps, user_id)}/attachments'

        def arrived() -> bool:
            return self._attachments_of(steps, user_id) > held

        if attachment.size >= SMALLEST_UPLOAD:
            self._upload(path, attachment, arrived)
            return
        self._once(
            lambda: self.graph_request('POST', path, json_data=attachment.as_json()),
            lambda: {} if arrived() else None,
            lambda error: _is_too_early(error) or _may_have_been_done(error),
        )

    def _attachments_of(self, steps: SendingProgress, user_id: str) -> int:
        return len(self.list_attachments(steps.draft_id, user_id))

    @contextmanager
    def _removing_draft(self, progress: SendingProgress | None, user_id: str) -> Iterator[SendingProgress]:
        """Removes the draft when a step inside fails, unless somebody goes on from it or it may have been sent."""
        steps = progress or SendingProgress()
        with self._going_on_itself():
            try:
                yield steps
            except UnknownOutcomeError:
                raise
            except Exception as error:
                if steps.draft_id and not steps.goes_on_after(error):
                    path = self._draft_path(steps, user_id)
                    # What went wrong first is what the user has to know. The copy of a sent mail has the ID of its draft.
                    with suppress(Exception):
                        if self._was_sent(path) is False:
                            self._remove(path)
                raise

    @contextmanager
    def _going_on_itself(self) -> Iterator[None]:
        """Within it, a long throttling is an error. What the client would do is to start the command anew, and so send twice."""
        starts_anew, self.retry_on_rate_limit = self.retry_on_rate_limit, False
        try:
            yield
        finally:
            self.retry_on_rate_limit = starts_anew

    def _remove(self, path: str) -> None:
        """Removes the draft at `path` with its attachments, or at least puts it among the deleted items."""
        try:
            self._accepted('POST', f'{path}/permanentDelete')
        except GraphError:
            self._accepted('DELETE', path)

    def _submit(self, path: str, is_own: bool = False) -> None:
        """Sends the draft at `path`. One that was sent cannot be sent again, so it may be asked for twice.

        Args:
            is_own: whether this client made the draft, so that one that is sent was sent by this client.
        """
        is_unclear = False

        def sent() -> None:
            nonlocal is_unclear
            try:
                self._accepted('POST', f'{path}/send')
            except GraphError as error:
                is_unclear = is_unclear or _may_have_been_done(error)
                if is_throttled(error) or not (is_own or is_unclear) or not self._was_sent(path):
                    raise

        try:
            self.retried(sent, lambda error: _may_have_been_done(error) or (is_own and _is_too_early(error)))
        except GraphError as error:
            was_sent = self._was_sent(path) if is_unclear else False
            if was_sent is None:
                raise _unknown_outcome(
                    'the mail was sent', 'Look for it in Sent Items and in Drafts before you send it again.', error
                ) from error
            if not was_sent:
                raise

    def _was_sent(self, path: str) -> bool | None:
        """Whether the message at `path` is no draft any more; None where that cannot be found out."""
        try:
            shown = self.graph_request('GET', path, params={'$select': 'isDraft'})
        except GraphError:
            return None
        return shown.get('isDraft') is False

    def _upload(self, path: str, attachment: OutgoingAttachment, arrived: Callable[[], bool]) -> None:
        opened = self.retried(
            lambda: self.graph_request('POST', f'{path}/createUploadSession', json_data={'AttachmentItem': attachment.as_item()}),
            lambda error: _is_too_early(error) or _may_have_been_done(error),
        )
        with attachment.open() as file:
            session = UploadSession(self, str(opened.get('uploadUrl') or ''), file, attachment.size, arrived)
            try:
                session.put_all()
            except BaseException:
                session.cancel()
                raise

    # endregion
    # region requests

    def _draft_path(self, steps: SendingProgress, user_id: str) -> str:
        return self.message_path(steps.draft_id, user_id)

    def _accepted(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Sends a request whose answer is empty. Raises GraphError as `graph_request` does."""
        response = self._answer(method, path, json_data=body)
        if response.status_code not in (202, 204):
            raise GraphError(
                'Microsoft Graph did not answer as it does when it did what it was asked to.',
                'A proxy may stand between: check the proxy and the cloud setting.',
                response=response,
            )

    # endregion


def _preferences(mail: OutgoingMail) -> dict[str, str]:
    """How Graph is to show a draft: its body in the form in which it was given."""
    return {'Prefer': f'IdType="ImmutableId", outlook.body-content-type="{mail.body["contentType"]}"'}


# Tells the drafts that are made here apart from each other.
_MARK = 'String {6b0d2a3e-52c1-4d0b-9a57-0f1f6f3f7c5e} Name DraftMark'


def _marked(message: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A ``message`` of Graph with a property of its own, and the filter that finds it by that.

    Source: https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
    """
    mark = secrets.token_hex(16)
    properties = [*message.get('singleValueExtendedProperties', []), {'id': _MARK, 'value': mark}]
    return (
        {**message, 'singleValueExtendedProperties': properties},
        f"singleValueExtendedProperties/any(ep: ep/id eq '{_MARK}' and ep/value eq '{mark}')",
    )


def _new_message_id(address: str) -> str:
    """A ``Message-ID`` of the domain of an address. What is no address gives one of no domain in particular."""
    domain = address.partition('@')[2]
    return f'<{secrets.token_hex(16)}@{domain if re.fullmatch("[A-Za-z0-9.-]+", domain) else "localhost"}>'


def _is_too_early(error: GraphError) -> bool:
    """Whether a draft that was just made is not known everywhere yet."""
    return error.status == 404


def _require_recipients(mail: OutgoingMail) -> None:
    if not mail.has_recipients:
        raise DemistoException('The mail has no recipients. Enter an address in to, cc or bcc.')


def _unknown_outcome(what: str, advice: str, error: GraphError) -> UnknownOutcomeError:
    return UnknownOutcomeError(f'Whether {what} is not known. {error.what}', advice, error.code, error.res)


# endregion
